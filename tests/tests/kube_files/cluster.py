# The part of a cluster's API that `kube apply` speaks: kinds of objects, and server-side apply of objects, over TLS.
# usage: cluster.py PORT CERTIFICATE KEY AUTHORITY LOG; who comes has a certificate of the authority, or the token `let-me-in`.
import json, ssl, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

port, certificate, key, authority, log = sys.argv[1:]
KINDS = {
    "/api/v1": [("namespaces", "Namespace", False), ("pods", "Pod", True), ("pods/log", "Pod", True),
                ("services", "Service", True), ("persistentvolumeclaims", "PersistentVolumeClaim", True),
                ("configmaps", "ConfigMap", True)],
    "/apis/apps/v1": [("deployments", "Deployment", True), ("statefulsets", "StatefulSet", True)],
}
objects = {}


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status, message):
        self.answer(status, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "message": message})

    def known(self):
        shown = self.connection.getpeercert()
        who = "certificate" if shown else "token" if self.headers["Authorization"] == "Bearer let-me-in" else None
        if who is None:
            self.refuse(401, "Unauthorized")
        return who

    def do_GET(self):
        if not self.known():
            return
        kinds = KINDS.get(self.path)
        if kinds is None:
            return self.refuse(404, "the server could not find the requested resource")
        resources = [{"name": name, "kind": kind, "namespaced": inside} for name, kind, inside in kinds]
        self.answer(200, {"kind": "APIResourceList", "groupVersion": "v1", "resources": resources})

    def do_PATCH(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        who = self.known()
        if not who:
            return
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        value = json.loads(body)
        path = unquote(url.path)
        if self.headers["Content-Type"] != "application/apply-patch+yaml" or query.get("fieldManager") != "pontoon":
            return self.refuse(415, "no server-side apply")
        if query.get("fieldValidation") == "Strict" and "nonsense" in value.get("spec", {}):
            return self.refuse(400, 'failed to create typed patch object: .spec.nonsense: field not declared in schema')
        if path.endswith("/theirs") and query.get("force") != "true":
            return self.refuse(409, 'Apply failed with 1 conflict: conflict with "kubectl": .data.a')
        if not path.endswith("/" + value["metadata"]["name"]):
            return self.refuse(400, "the name of the object does not match the name on the URL")
        is_new = path not in objects
        if "dryRun" not in query:
            objects[path] = value
            with open(log, "a") as file:
                file.write(f"{who} {path}\n")
        self.answer(201 if is_new else 200, value)


server = ThreadingHTTPServer(("127.0.0.1", int(port)), Api)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(certificate, key)
tls.load_verify_locations(authority)
tls.verify_mode = ssl.CERT_OPTIONAL
server.socket = tls.wrap_socket(server.socket, server_side=True)
server.serve_forever()
