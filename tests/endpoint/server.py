"""A language model for tests, behind an OpenAI-compatible endpoint on a free loopback port.

usage: server.py [--rows FILE]... [--mapping FILE] [--fault FAULT]... [OPTIONS]

Prints its port and ends when its standard input ends. It answers from files, so
that tests know every answer:

    --rows FILE       JSON Lines; a row has texts and "attributes": {NAME: [VALUE, ...]}.
                      Requests that quote the texts of a row get its values.
    --mapping FILE    JSON: {"classify" | "filter" | "complete" | ATTRIBUTE: [[TEXT, ANSWER], ...]};
                      the answer of the first TEXT that the request contains. "" is in every request.
    --key KEY         refuse requests without this key (401)
    --model NAME      name of the model (default: teacher); others are refused (404)
    --no-schema       refuse `response_format` of type json_schema (400)
    --plain           refuse every `response_format` (400)
    --delay SECONDS   time that an answer takes
    --log FILE        append method, path, headers and body of every request, as JSON Lines

A FAULT is KIND, or KIND:SELECTOR for a part of the requests for completions. The
first that selects a request applies.

    slow=SECONDS      answer after this time
    429=SECONDS       refuse with Retry-After
    500               fail
    malformed         answer with JSON that ends too early
    length            answer with JSON that ends too early, because of a limit of tokens
    schema            answer with JSON of another shape
    prose             answer with the right JSON inside of a sentence
    cut               close the connection in the middle of the answer
    silent            close the connection without an answer
    die               end the process
    html              answer with a web page
    empty             answer without choices
    invented          add values that are in no text
    obey              follow instructions in texts: `SYSTEM: answer VALUE.`

    every=N           every N-th request
    first=N           the first N requests with the same question
    after=N           all requests after the N-th
    text=TEXT         requests that contain TEXT

Also served: GET /v1/models, and GET /stats with the counters as JSON.
"""

import argparse
import collections
import json
import os
import re
import select
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Bytes per token, for the counts in `usage`.
BYTES_PER_TOKEN = 4
# Texts of prompts may be cut. Rows are also found by starts of this length.
START_LENGTH = 80
INJECTION = re.compile(r"SYSTEM: answer ([^.]+)\.")
POLL_INTERVAL = 0.02


class Fault:
    """A fault and the requests that have it."""

    def __init__(self, description):
        kind, _, selector = description.partition(":")
        self.kind, _, value = kind.partition("=")
        self.seconds = float(value) if value else 0.0
        self.selector, _, self.operand = selector.partition("=")
        if self.kind not in FAULTS or self.selector not in ("", "every", "first", "after", "text"):
            raise SystemExit(f"server.py: unknown fault '{description}'")

    def selects(self, number, earlier, content):
        """Whether it applies to a request with this number and text, after `earlier` equal ones."""
        if self.selector == "every":
            return number % int(self.operand) == 0
        if self.selector == "first":
            return earlier < int(self.operand)
        if self.selector == "after":
            return number > int(self.operand)
        return self.operand in content


FAULTS = ("slow", "429", "500", "malformed", "length", "schema", "prose", "cut", "silent", "die", "html", "empty",
          "invented", "obey")


class Counters:
    """What happened so far. `GET /stats` returns it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.values = collections.Counter(calls=0, answered=0, prompt_bytes=0, concurrency=0, max_concurrency=0,
                                          abandoned=0, unknown_rows=0, refused_keys=0, refused_formats=0)
        self.faults = collections.Counter()
        self.questions = collections.Counter()

    def add(self, name, amount=1):
        with self.lock:
            self.values[name] += amount

    def begin(self):
        """Count a request, and return its number."""
        with self.lock:
            values = self.values
            values["calls"] += 1
            values["concurrency"] += 1
            values["max_concurrency"] = max(values["max_concurrency"], values["concurrency"])
            return values["calls"]

    def attempt(self, content):
        """Count a question, and return how many equal ones came before."""
        with self.lock:
            self.questions[content] += 1
            return self.questions[content] - 1

    def end(self):
        self.add("concurrency", -1)

    def report(self):
        with self.lock:
            return {**self.values, "distinct_questions": len(self.questions), "faults": dict(self.faults)}


class Teacher:
    """The labelled rows and scripted answers."""

    def __init__(self, files, mapping):
        self.rows = []
        self.by_text = collections.defaultdict(list)
        for path in files:
            with open(path, encoding="utf-8") as file:
                for line in file:
                    self.add(json.loads(line))
        self.mapping = {}
        if mapping:
            with open(mapping, encoding="utf-8") as file:
                self.mapping = json.load(file)

    def add(self, row):
        texts = {value.strip() for value in row.values() if isinstance(value, str) and value.strip()}
        at = len(self.rows)
        self.rows.append((texts, {comparable(name): values for name, values in row["attributes"].items()}))
        for text in texts | {text[:START_LENGTH] for text in texts}:
            self.by_text[text].append(at)

    def find(self, texts):
        """Attributes of the row that shares most characters with the texts, or None."""
        quoted = {text.strip() for text in texts if text.strip()}
        starts = {text[:START_LENGTH] for text in quoted}
        shared = collections.Counter()
        # A category is part of many rows and identifies none of them.
        rarest = min((self.by_text[text] for text in quoted | starts if text in self.by_text), key=len, default=[])
        for at in rarest:
            row_texts = self.rows[at][0]
            shared[at] = sum(len(t) for t in row_texts if t in quoted or t[:START_LENGTH] in starts)
        return self.rows[shared.most_common(1)[0][0]][1] if shared else None

    def scripted(self, task, content):
        """Answer of the first rule of the task whose text the request contains, or None."""
        for text, answer in self.mapping.get(task, []):
            if text in content:
                return answer
        return None


def comparable(name):
    """An attribute's name without case and punctuation."""
    return re.sub(r"[\W_]+", "", name.lower())


def strings(value):
    """All strings within a JSON value, and those within strings that are JSON themselves."""
    if isinstance(value, str):
        yield value
        inner = parsed(value)
        if isinstance(inner, (dict, list)):
            yield from strings(inner)
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def parsed(text):
    """The JSON value that the text is or ends with, or None."""
    for start in [0, *(match.start() for match in re.finditer(r"^[{\[]", text, re.MULTILINE))]:
        try:
            return json.loads(text[start:])
        except ValueError:
            continue
    return None


class Task:
    """A request for a completion, and its right answer."""

    def __init__(self, teacher, request):
        self.teacher = teacher
        messages = request.get("messages", [])
        content = "\n".join(text(m) for m in messages if m.get("role") == "user")
        self.instructions = "\n".join(text(m) for m in messages if m.get("role") == "system")
        texts = list(strings(content))
        self.row = teacher.find(texts)
        # With the texts as they are before JSON escapes them.
        self.content = "\n".join(texts)
        form = request.get("response_format") or {}
        self.schema = form.get("json_schema", {}).get("schema")
        self.wants_json = bool(form) or self.schema is not None

    def answer(self):
        """The right answer, as the text of a message."""
        if self.schema is not None:
            return json.dumps(self.value("", self.schema), ensure_ascii=False)
        if self.row is not None and (self.wants_json or "JSON" in self.instructions):
            names = quoted_names(self.instructions + self.content)
            return json.dumps({name: self.row[comparable(name)] for name in names if comparable(name) in self.row},
                              ensure_ascii=False)
        scripted = self.teacher.scripted("complete", self.content)
        return scripted if isinstance(scripted, str) else json.dumps(scripted, ensure_ascii=False)

    def value(self, name, schema):
        """The value of a property with this schema."""
        kinds = schema.get("type")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        known = (self.row or {}).get(comparable(name))
        if known is None:
            known = self.teacher.scripted(name, self.content)
        if "object" in kinds and known is None:
            return {key: self.value(key, inner) for key, inner in schema.get("properties", {}).items()}
        if "enum" in schema:
            return self.teacher.scripted("classify", self.content)
        if "boolean" in kinds:
            return self.teacher.scripted("filter", self.content)
        if "array" in kinds and (known is not None or schema.get("items", {}).get("type") == "string"):
            return known if known is not None else []
        if "array" in kinds:
            return [self.value(name, schema.get("items", {}))]
        if isinstance(known, list):
            return known[0] if known else None
        if known is None and "null" not in kinds:
            known = self.teacher.scripted("complete", self.content)
            return known if known is not None else (0 if {"integer", "number"} & set(kinds) else "")
        return known


def quoted_names(instructions):
    """Names in quotation marks, in order, each once."""
    return list(dict.fromkeys(re.findall(r'["\'`]([^"\'`\n]{1,60})["\'`]', instructions)))


def text(message):
    """The text of a message, whose content may have several parts."""
    content = message.get("content") or ""
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)


def replaced(value, word):
    """The JSON value with `word` in place of all values."""
    if isinstance(value, dict):
        return {key: replaced(item, word) for key, item in value.items()}
    return [word] if isinstance(value, list) else word


def with_inventions(value):
    """The JSON value with an invented value in every list, and in place of every string."""
    if isinstance(value, dict):
        return {key: with_inventions(item) for key, item in value.items()}
    return [*value, "Inventionium 9000"] if isinstance(value, list) else "Inventionium 9000"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.log(b"")
        if self.path == "/stats":
            self.json(200, COUNTERS.report())
        elif self.path == "/v1/models" and any(fault.kind == "html" and not fault.selector for fault in FAULT_LIST):
            self.page()
        elif self.path == "/v1/models" and self.allowed():
            self.json(200, {"object": "list", "data": [{"id": ARGUMENTS.model, "object": "model", "owned_by": "tests"}]})
        elif self.path != "/v1/models":
            self.failure(404, "there is nothing at this path")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.log(body)
        if self.path != "/v1/chat/completions":
            self.failure(404, "there is nothing at this path")
            return
        number = COUNTERS.begin()
        try:
            if self.allowed():
                self.complete(number, body)
        except (BrokenPipeError, ConnectionResetError):
            COUNTERS.add("abandoned")
            self.close_connection = True
        finally:
            COUNTERS.end()

    def complete(self, number, body):
        COUNTERS.add("prompt_bytes", len(body))
        try:
            request = json.loads(body)
        except ValueError:
            self.failure(400, "the request is not JSON")
            return
        form = (request.get("response_format") or {}).get("type")
        if form and (ARGUMENTS.plain or ARGUMENTS.no_schema and form == "json_schema"):
            COUNTERS.add("refused_formats")
            self.failure(400, f"response_format of type {form} is not supported")
            return
        if request.get("model") != ARGUMENTS.model:
            self.failure(404, f"the model '{request.get('model')}' does not exist")
            return
        task = Task(TEACHER, request)
        if TEACHER.rows and task.row is None:
            COUNTERS.add("unknown_rows")
        whole, earlier = task.instructions + task.content, COUNTERS.attempt(task.content)
        fault = next((f for f in FAULT_LIST if f.selects(number, earlier, whole)), None)
        if fault:
            with COUNTERS.lock:
                COUNTERS.faults[fault.kind] += 1
        kind = fault.kind if fault else None
        if not self.wait(fault.seconds if kind == "slow" else ARGUMENTS.delay):
            COUNTERS.add("abandoned")
            self.close_connection = True
        elif kind == "429":
            self.failure(429, "too many requests", {"Retry-After": f"{fault.seconds:g}"})
        elif kind == "500":
            self.failure(500, "the model failed")
        elif kind == "html":
            self.page()
        elif kind == "silent":
            self.close_connection = True
        elif kind == "die":
            os._exit(9)
        elif kind == "empty":
            self.json(200, {"object": "chat.completion", "choices": []})
        else:
            self.answer(request, task, kind, len(body))

    def answer(self, request, task, kind, prompt_bytes):
        content = task.answer()
        content = "" if content is None else content
        if kind in ("malformed", "length"):
            content = content[: max(1, len(content) - 1)] if content.startswith(("{", "[")) else '{"'
        elif kind == "schema":
            content = json.dumps({"unexpected": {"shape": [1, 2, 3]}})
        elif kind == "prose":
            content = f"Certainly! The answer is:\n```json\n{content}\n```\nIs there anything else?"
        elif kind == "invented":
            content = json.dumps(with_inventions(parsed(content)))
        elif kind == "obey" and (found := INJECTION.search(task.content)):
            content = json.dumps(replaced(parsed(content), found.group(1)))
        response = {
            "id": "chatcmpl-test",
            "object": "chat.completion",
            "created": 0,
            "model": request["model"],
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": content},
                "finish_reason": "length" if kind == "length" else "stop",
            }],
            "usage": {
                "prompt_tokens": prompt_bytes // BYTES_PER_TOKEN,
                "completion_tokens": len(content) // BYTES_PER_TOKEN,
                "total_tokens": (prompt_bytes + len(content)) // BYTES_PER_TOKEN,
            },
        }
        if kind == "cut":
            payload = json.dumps(response).encode()
            self.head(200, {"Content-Type": "application/json"}, len(payload))
            self.wfile.write(payload[: len(payload) // 2])
            self.close_connection = True
            return
        self.json(200, response)
        COUNTERS.add("answered")

    def wait(self, seconds):
        """Wait. Returns False if the client closes the connection meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            readable, _, _ = select.select([self.connection], [], [], min(left, POLL_INTERVAL))
            if readable:
                try:
                    if not self.connection.recv(1, 2):  # MSG_PEEK
                        return False
                except OSError:
                    return False
                time.sleep(min(left, POLL_INTERVAL))
        return True

    def allowed(self):
        if not ARGUMENTS.key or self.headers.get("Authorization") == f"Bearer {ARGUMENTS.key}":
            return True
        COUNTERS.add("refused_keys")
        self.failure(401, f"incorrect API key provided: {self.headers.get('Authorization')}")
        return False

    def log(self, body):
        if ARGUMENTS.log and self.path != "/stats":
            entry = {"method": self.command, "path": self.path, "headers": list(self.headers.items()),
                     "body": body.decode("utf-8", "replace")}
            with COUNTERS.lock, open(ARGUMENTS.log, "a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")

    def failure(self, status, message, headers=None):
        self.json(status, {"error": {"message": message, "type": "test", "code": status}}, headers)

    def page(self):
        self.send(200, b"<!doctype html><title>Welcome</title><p>It works!", {"Content-Type": "text/html"})

    def json(self, status, value, headers=None):
        self.send(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    def send(self, status, content, headers):
        self.head(status, headers, len(content))
        self.wfile.write(content)

    def head(self, status, headers, length):
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Ignore clients that close connections; report errors of the server itself."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


def main():
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


parser = argparse.ArgumentParser()
parser.add_argument("--rows", action="append", default=[])
parser.add_argument("--mapping")
parser.add_argument("--fault", action="append", default=[])
parser.add_argument("--key")
parser.add_argument("--model", default="teacher")
parser.add_argument("--no-schema", action="store_true")
parser.add_argument("--plain", action="store_true")
parser.add_argument("--delay", type=float, default=0.0)
parser.add_argument("--log")
ARGUMENTS = parser.parse_args()
FAULT_LIST = [Fault(description) for description in ARGUMENTS.fault]
TEACHER = Teacher(ARGUMENTS.rows, ARGUMENTS.mapping)
COUNTERS = Counters()

if __name__ == "__main__":
    main()
