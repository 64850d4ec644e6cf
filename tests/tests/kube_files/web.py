# The files of a directory, over http, and over TLS where a certificate is named: web.py PORT DIRECTORY [CERTIFICATE KEY]
import functools, ssl, sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

port, directory, *pair = sys.argv[1:]
server = ThreadingHTTPServer(("127.0.0.1", int(port)), functools.partial(SimpleHTTPRequestHandler, directory=directory))
if pair:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*pair)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
server.serve_forever()
