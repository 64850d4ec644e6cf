//! A process in namespaces of its own: this very program, started again by `unshare`.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

const MARK: &str = "PONTOON_TEST_INSIDE";

pub struct Inside {
    child: Child,
    input: ChildStdin,
    output: std::cell::RefCell<BufReader<ChildStdout>>,
}

impl Inside {
    pub fn start(user_namespace: bool) -> Self {
        let options = if user_namespace { "-Urn" } else { "-n" };
        let mut child = Command::new("unshare")
            .arg(options)
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "inside::the_process_inside", "--nocapture", "--quiet"])
            .env(MARK, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).into();
        let inside = Self { child, input, output };
        inside.ask("hello");
        inside
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Listens on the ports that the tests publish.
    pub fn serve(&self) {
        assert_eq!(self.ask("serve"), "ok");
    }

    /// Tries to reach an address from inside.
    pub fn dial(&self, address: &str) -> String {
        self.ask(&format!("dial {address}"))
    }

    fn ask(&self, request: &str) -> String {
        writeln!(&self.input, "{request}").unwrap();
        let mut line = String::new();
        // The harness of the program inside says a word of its own first.
        while !line.starts_with("answer: ") {
            line.clear();
            assert_ne!(
                self.output.borrow_mut().read_line(&mut line).unwrap(),
                0,
                "the process inside has ended"
            );
        }
        line.trim_start_matches("answer: ").trim_end().to_owned()
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// No test by itself: what the process inside does.
#[test]
fn the_process_inside() {
    if std::env::var_os(MARK).is_none() {
        return;
    }
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let answer = match line.split_once(' ') {
            None if line == "serve" => {
                serve();
                "ok"
            }
            Some(("dial", address)) => dial(address),
            _ => "ok",
        };
        println!("answer: {answer}");
    }
}

fn serve() {
    for port in [80, 81, 82, 90, 92] {
        let listener = TcpListener::bind(("::", port)).unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream: TcpStream = stream.unwrap();
                let peer = plain(stream.peer_addr().unwrap());
                let mut request = [0_u8; 64];
                let _ = std::io::Read::read(&mut stream, &mut request);
                let _ = write!(stream, "HTTP/1.0 200 OK\r\n\r\nserved on {port} to {peer}\n");
            }
        });
    }
    let socket = UdpSocket::bind(("::", 91)).unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0_u8; 512];
        while let Ok((_, peer)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(format!("served on 91 to {}\n", plain(peer)).as_bytes(), peer);
        }
    });
}

fn plain(address: SocketAddr) -> String {
    address.ip().to_canonical().to_string()
}

fn dial(address: &str) -> &'static str {
    match TcpStream::connect_timeout(&address.parse().unwrap(), Duration::from_secs(2)) {
        Ok(_) => "reached",
        Err(_) => "refused",
    }
}
