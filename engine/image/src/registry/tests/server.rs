//! A small HTTP server that misbehaves on request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::cancel::Cancel;

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// An answer, with its faults.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Breaks off after so many bytes of the body.
    pub cut: Option<usize>,
    /// Waits so long after each byte of the body, or for ever at `stall`.
    pub trickle: Option<Duration>,
    /// Stands still after so many bytes of the body.
    pub stall: Option<usize>,
}

impl Reply {
    pub(crate) fn ok(body: &str) -> Reply {
        Reply::text(200, body)
    }

    pub(crate) fn text(status: u16, body: &str) -> Reply {
        Reply::bytes(status, body.as_bytes().to_vec())
    }

    pub(crate) fn bytes(status: u16, body: Vec<u8>) -> Reply {
        Reply { status, body, ..Reply::default() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// The server; it ends when it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    stop: Cancel,
    listener: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn new(handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let stop = Cancel::new();
        let (log, flag, handler) = (asked.clone(), stop.clone(), Arc::new(handler));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if flag.is_cancelled() {
                    break;
                }
                let (log, flag, handler) = (log.clone(), flag.clone(), handler.clone());
                // A client that goes away in the middle is a part of the game.
                std::thread::spawn(move || drop(serve(stream.unwrap(), &log, &flag, &*handler)));
            }
        });
        Server { address, asked, stop, listener: Some(thread) }
    }

    pub(crate) fn authority(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The requests for paths with this word in them.
    pub(crate) fn asked_for(&self, word: &str) -> Vec<Asked> {
        self.asked().into_iter().filter(|asked| asked.path.contains(word)).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.listener.take() {
            thread.join().unwrap();
        }
    }
}

fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<Asked>>,
    stop: &Cancel,
    handler: &(dyn Fn(&Asked) -> Reply + Send + Sync),
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    // What a plain http server says to TLS.
    if reader.fill_buf()?.first() == Some(&0x16) {
        return stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\nthis is http\n");
    }
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut words = first.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(()) };
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut asked = Asked {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: String::new(),
    };
    if let Some(length) = asked.header("content-length").map(|text| text.parse().unwrap()) {
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        asked.body = String::from_utf8(body).unwrap();
    }
    log.lock().unwrap().push(asked.clone());
    let reply = handler(&asked);
    let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", reply.status);
    if !reply.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
        head.push_str(&format!("Content-Length: {}\r\n", reply.body.len()));
    }
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    if asked.method == "HEAD" {
        return Ok(());
    }
    let body = &reply.body[..reply.cut.unwrap_or(reply.body.len())];
    if let Some(pause) = reply.trickle {
        for byte in body {
            stream.write_all(&[*byte])?;
            if stop.wait(pause) {
                return Ok(());
            }
        }
        return Ok(());
    }
    if let Some(stall) = reply.stall {
        stream.write_all(&body[..stall])?;
        stop.wait(Duration::from_secs(3600));
        return Ok(());
    }
    stream.write_all(body)
}
