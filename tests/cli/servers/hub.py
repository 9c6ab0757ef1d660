"""A web server for the tests of remote sources, on free loopback ports.

usage: hub.py ROOT

Serves the files under ROOT in several ways and prints two ports: that of the
server, and that of a second host which the hub redirects to. Ends when its
standard input ends.

  /plain/PATH      HEAD, GET, ranges
  /nohead/PATH     GET and ranges; HEAD is refused
  /norange/PATH    GET of the whole file only, without length; HEAD is refused
  /signed/PATH     as plain, only with ?sig=yes
  /flaky/PATH      as plain, but the first request of each kind gets a 503
  /short/PATH      announces the whole length and sends half
  /api/datasets/OWNER/NAME/tree/REVISION/PATH    listings, two entries a page
  /datasets/OWNER/NAME/resolve/REVISION/PATH     redirects to the second host
  /BUCKET/KEY      a store that speaks S3, for buckets that begin with "bucket"

Files of the hub are in ROOT/hub/OWNER/NAME/REVISION, with %2F for slashes in
the revision. The owner "private" requires the token "secret". The second host
refuses every request with a token.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

ROOT = os.path.abspath(sys.argv[1])
PAGE = 2
flaked = set()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def do_PUT(self):
        url = urlsplit(self.path)
        content = self.rfile.read(int(self.headers["Content-Length"]))
        path = self.inside(unquote(url.path).lstrip("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        self.say(200, b"", {"ETag": '"new"'})

    def answer(self):
        url = urlsplit(self.path)
        way, _, rest = url.path.lstrip("/").partition("/")
        query = parse_qs(url.query)
        if way == "plain":
            self.file(unquote(rest))
        elif way == "nohead" and self.command == "GET":
            self.file(unquote(rest))
        elif way == "norange" and self.command == "GET":
            self.file(unquote(rest), ranges=False)
        elif way == "signed" and query.get("sig") == ["yes"]:
            self.file(unquote(rest))
        elif way == "flaky":
            if (self.command, rest) not in flaked:
                flaked.add((self.command, rest))
                self.say(503, b"come back")
            else:
                self.file(unquote(rest))
        elif way == "short":
            self.file(unquote(rest), short=True)
        elif way == "blob":
            if "Authorization" in self.headers:
                self.say(400, b"a token went astray")
            else:
                self.file(unquote(rest))
        elif url.path.startswith("/api/datasets/"):
            self.tree(url.path.split("/")[3:], query)
        elif way == "datasets":
            self.resolve(rest.split("/"))
        elif way.startswith("bucket"):
            self.bucket(way, unquote(rest), query)
        elif way in ("nohead", "norange"):
            self.say(405, b"no")
        else:
            self.say(403, b"no")

    def allowed(self, owner):
        if owner != "private" or self.headers.get("Authorization") == "Bearer secret":
            return True
        self.say(401, b"who are you?")
        return False

    def tree(self, parts, query):
        owner, name, _, revision = parts[:4]
        if not self.allowed(owner):
            return
        top = os.path.join(ROOT, "hub", owner, name, quote(unquote(revision), safe=""))
        start = os.path.join(top, *[unquote(part) for part in parts[4:] if part])
        if not os.path.isdir(start):
            self.say(404, b"no such tree")
            return
        entries = []
        for folder, folders, files in os.walk(start):
            for entry in folders:
                path = os.path.relpath(os.path.join(folder, entry), top)
                entries.append({"type": "directory", "path": path, "size": 0, "oid": "0"})
            for entry in files:
                full = os.path.join(folder, entry)
                path = os.path.relpath(full, top)
                entries.append({"type": "file", "path": path, "size": os.path.getsize(full), "oid": path})
        entries.sort(key=lambda entry: entry["path"])
        at = int(query.get("cursor", ["0"])[0])
        headers = {"Content-Type": "application/json"}
        if at + PAGE < len(entries):
            here = urlsplit(self.path).path
            link = f"http://{self.headers['Host']}{here}?recursive=true&cursor={at + PAGE}"
            headers["Link"] = f'<{link}>; rel="next"'
        self.say(200, json.dumps(entries[at : at + PAGE]).encode(), headers)

    def resolve(self, parts):
        owner, name, _, revision = parts[:4]
        if not self.allowed(owner):
            return
        path = "/".join(["hub", owner, name, quote(quote(unquote(revision), safe=""), safe="")] + parts[4:])
        if not os.path.isfile(os.path.join(ROOT, unquote(path))):
            self.say(404, b"no such file")
            return
        self.say(302, b"", {"Location": f"http://127.0.0.1:{blobs.server_port}/blob/{path}"})

    def bucket(self, bucket, key, query):
        if "list-type" not in query:
            self.file(f"{bucket}/{key}")
            return
        top = os.path.join(ROOT, bucket)
        prefix = query.get("prefix", [""])[0]
        found = []
        for folder, _, files in os.walk(top):
            for name in files:
                key = os.path.relpath(os.path.join(folder, name), top)
                if key.startswith(prefix):
                    size = os.path.getsize(os.path.join(top, key))
                    found.append(
                        f"<Contents><Key>{escape(key)}</Key><Size>{size}</Size><ETag>x</ETag>"
                        "<LastModified>2020-01-01T00:00:00.000Z</LastModified></Contents>"
                    )
        body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{''.join(found)}</ListBucketResult>"
        self.say(200, body.encode(), {"Content-Type": "application/xml"})

    def inside(self, path):
        full = os.path.normpath(os.path.join(ROOT, path))
        if not full.startswith(ROOT + os.sep):
            raise ValueError(path)
        return full

    def file(self, path, ranges=True, short=False):
        try:
            with open(self.inside(path), "rb") as file:
                content = file.read()
        except (OSError, ValueError):
            self.say(404, b"not found")
            return
        headers = {"ETag": f'"{hash(content)}"', "Last-Modified": "Wed, 01 Jan 2020 00:00:00 GMT"}
        wanted = self.headers.get("Range")
        status = 200
        if ranges and wanted:
            size = len(content)
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            if first:
                start, end = int(first), min(int(last or size), size - 1) + 1
            else:
                start, end = max(0, size - int(last)), size
            if start >= size:
                self.say(416, b"")
                return
            content = content[start:end]
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
            status = 206
        if not ranges:
            self.close_connection = True
            self.send_response(status)
            self.send_header("Connection", "close")
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
        elif short and self.command == "GET":
            self.close_connection = True
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
        else:
            self.say(status, content, headers)

    def say(self, status, content, headers=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
blobs = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
for each in (server, blobs):
    each.daemon_threads = True
    threading.Thread(target=each.serve_forever, daemon=True).start()
print(server.server_port, blobs.server_port, flush=True)
sys.stdin.read()
