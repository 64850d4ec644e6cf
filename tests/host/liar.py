"""A registry that says what it is told to say: serves files below a directory, beside each a `.meta` that bends the answer.

`.meta` is JSON: status, type (Content-Type), headers (more of them), length (a Content-Length that need not be true),
hang (send the headers and half of the body, then nothing until the client goes). Every request goes to a log, with its headers.
A third argument is a challenge: below /v2 it is the answer to every request without credentials.
"""

import http.server
import json
import os
import sys

ROOT, PORT = sys.argv[1], int(sys.argv[2])
CHALLENGE = sys.argv[3] if len(sys.argv) > 3 else None


class Liar(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def answer(self, with_body):
        with open(os.path.join(ROOT, "requests"), "a") as log:
            log.write(json.dumps({"port": PORT, "path": self.path, "headers": {name.lower(): value for name, value in self.headers.items()}}) + "\n")
        if CHALLENGE and self.path.startswith("/v2") and "Authorization" not in self.headers:
            self.send_response(401)
            self.send_header("WWW-Authenticate", CHALLENGE)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        file = os.path.join(ROOT, self.path.lstrip("/").split("?")[0].rstrip("/"))
        meta = {}
        if os.path.exists(file + ".meta"):
            with open(file + ".meta") as text:
                meta = json.load(text)
        body = b""
        status = meta.get("status", 200)
        if os.path.isfile(file):
            with open(file, "rb") as content:
                body = content.read()
        elif not meta and self.path.rstrip("/") != "/v2":
            status = 404
        self.send_response(status)
        self.send_header("Content-Type", meta.get("type", "application/octet-stream"))
        self.send_header("Content-Length", str(meta.get("length", len(body))))
        for name, value in meta.get("headers", {}).items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            if meta.get("hang"):
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                self.rfile.read(1)
            else:
                self.wfile.write(body)
        self.close_connection = "length" in meta

    def log_message(self, *words):
        pass


http.server.ThreadingHTTPServer(("", PORT), Liar).serve_forever()
