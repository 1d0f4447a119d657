"""Stand-ins for what runs containers: the API of Kubernetes, Docker's daemon, YARN's resource manager.

Each answers the requests that gateway_provisioners and its scripts send, and starts a process on this machine for each
container that they ask for, with the environment and the arguments that they have rendered and nothing of the test's.
Images and isolation are left to a cluster.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

Answer = tuple[int, Any]

IP = "127.0.0.1"
"""Where all containers are: on this machine."""


class Container:
    """A process that stands for a container."""

    def __init__(
        self, name: str, labels: Mapping[str, str], command: Sequence[str], environ: Mapping[str, str], folder: Path
    ) -> None:
        self.name = name
        self.labels = dict(labels)
        with (folder / "containers.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, env=dict(environ), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def remove(self) -> None:
        """End it at once, as is meant by a grace of 0 s."""
        self._process.kill()
        self._process.wait()


class StandIn:
    """A server of HTTP, as a context manager. `asked` is each container that was asked for, as it was described."""

    headers: Sequence[tuple[str, str]] = ()
    """More headers of each answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[dict[str, Any]] = []
        self.containers: dict[str, Container] = {}
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                address = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(address.query).items()}
                parts = address.path.strip("/").split("/")
                status, content = stand_in.answer(self.command, parts, query, json.loads(text) if text else {})
                answer = b"" if content is None else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                for header in stand_in.headers:
                    self.send_header(*header)
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve

            def log_message(self, *_: object) -> None:
                """Say nothing: what is asked for stands in `asked`."""

        self._server = ThreadingHTTPServer((IP, 0), Handler)
        self.address = f"{IP}:{self._server.server_address[1]}"

    def answer(self, method: str, parts: list[str], query: Mapping[str, str], body: dict[str, Any]) -> Answer:
        """Status and content of the answer to a request."""
        raise NotImplementedError

    def start(self, name: str, labels: Mapping[str, str], command: Sequence[str], environ: Mapping[str, str]) -> None:
        """Start what was asked for."""
        self.containers[name] = Container(name, labels, command, environ, self.folder)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        for container in self.containers.values():
            container.remove()
        log = self.folder / "containers.log"
        if error is not None and log.exists():
            error.add_note(log.read_text(errors="replace")[-8000:])


def by_name(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The environment of a container in a pod: `by_name([{"name": "A", "value": "b"}]) == {"A": "b"}`."""
    return {each["name"]: each["value"] for each in entries}


class Kubernetes(StandIn):
    """The API server: pods, and the applications of Spark's operator, whose drivers are pods."""

    def __init__(self, folder: Path, image: Sequence[str], driver: Sequence[str] = ()) -> None:
        """`image` is the command of the image, `driver` the program of Spark's."""
        super().__init__(folder)
        self._image, self._driver = image, driver
        self.config = folder / "kubeconfig"
        self.config.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": f"http://{self.address}"}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        }))  # fmt: skip

    def answer(self, method: str, parts: list[str], query: Mapping[str, str], body: dict[str, Any]) -> Answer:
        match method, parts:
            case "POST", ["api", "v1", "namespaces", _, "pods"]:
                self.asked.append(body)
                environ = by_name(body["spec"]["containers"][0]["env"])
                self.start(body["metadata"]["name"], body["metadata"]["labels"], self._image, environ)
                return 201, body
            case "POST", ["apis", "sparkoperator.k8s.io", "v1beta2", "namespaces", _, "sparkapplications"]:
                self.asked.append(body)
                driver, words = body["spec"]["driver"], body["spec"]["arguments"]
                self.start(body["metadata"]["name"], driver["labels"], [*self._driver, *words], by_name(driver["env"]))
                return 201, body
            case "GET", ["api", "v1", "namespaces", _, "pods"]:
                wanted = dict(label.split("=") for label in query["labelSelector"].split(","))
                found = [one for one in self.containers.values() if wanted.items() <= one.labels.items()]
                return 200, {"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": [*map(_pod, found)]}
            case "GET", [*_, "sparkapplications", name] if name in self.containers:
                state = "RUNNING" if self.containers[name].runs else "COMPLETED"
                return 200, {"status": {"applicationState": {"state": state}}}
            case "DELETE", [*_, "pods" | "sparkapplications" as kind, name] if name in self.containers:
                container = self.containers.pop(name)
                pod = _pod(container)
                container.remove()
                return 200, pod if kind == "pods" else {"kind": "Status", "apiVersion": "v1", "status": "Success"}
        return 404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}


def _pod(container: Container) -> dict[str, Any]:
    phase = "Running" if container.runs else "Succeeded"
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": container.name, "labels": container.labels},
        "spec": {"containers": [{"name": container.name}]}, "status": {"phase": phase, "podIP": IP, "hostIP": IP},
    }  # fmt: skip


class Docker(StandIn):
    """The daemon of Docker. A container has a name and an id, which are the same here."""

    def __init__(self, folder: Path, image: Sequence[str], path: str) -> None:
        """`image` is the command of the image, and `path` its PATH."""
        super().__init__(folder)
        self._image, self._path = image, path

    def answer(self, method: str, parts: list[str], query: Mapping[str, str], body: dict[str, Any]) -> Answer:
        match method, parts[parts[0].startswith("v1.") :]:
            case "GET", ["version"]:
                return 200, {"ApiVersion": "1.44", "MinAPIVersion": "1.24", "Version": "0"}
            case "POST", ["containers", "create"]:
                self.asked.append({"name": query["name"], **body})
                return 201, {"Id": query["name"], "Warnings": []}
            case "POST", ["containers", name, "start"]:
                asked = next(one for one in reversed(self.asked) if one["name"] == name)
                environ = dict(each.split("=", 1) for each in asked["Env"])
                self.start(name, asked["Labels"], self._image, {"PATH": self._path, **environ})
                return 204, None
            case "GET", ["containers", "json"]:
                wanted = set(json.loads(query["filters"])["label"])
                found = [one for one in self.containers.values() if one.runs and wanted <= _labels(one)]
                return 200, [{"Id": one.name} for one in found]
            case "GET", ["containers", name, "json"]:
                running = self.containers.get(name)
                status = "created" if running is None else "running" if running.runs else "exited"
                networks = {"bridge": {"IPAddress": IP}}
                return 200, {"Id": name, "Name": f"/{name}", "State": {"Status": status}, "Config": {},
                             "NetworkSettings": {"IPAddress": IP, "Networks": networks}}  # fmt: skip
            case "DELETE", ["containers", name] if name in self.containers:
                self.containers.pop(name).remove()
                return 204, None
        return 404, {"message": f"no {parts}"}


def _labels(container: Container) -> set[str]:
    return {f"{name}={value}" for name, value in container.labels.items()}


class Yarn(StandIn):
    """The resource manager of YARN, and a `spark-submit` in `home`, which hands it its words."""

    headers = (("Set-Cookie", "hadoop.auth=anybody"),)

    def __init__(self, folder: Path, python: Path, environ: Mapping[str, str]) -> None:
        """`python` is the interpreter of the nodes, `environ` their environment."""
        super().__init__(folder)
        self._python, self._environ = python, environ
        self.home = folder / "spark"
        submit = self.home / "bin" / "spark-submit"
        submit.parent.mkdir(parents=True)
        submit.write_text(f'#!/bin/sh\nexec {sys.executable} {__file__} http://{self.address}/submit "$@"\n')
        submit.chmod(0o755)

    def answer(self, method: str, parts: list[str], query: Mapping[str, str], body: dict[str, Any]) -> Answer:
        match method, parts:
            case "POST", ["submit"]:
                self._submit(body["words"])
                return 200, {}
            case "GET", ["cluster"]:  # asked whether it is the active one
                return 200, {}
            case "GET", ["ws", "v1", "cluster", "apps"]:
                return 200, {"apps": {"app": [self._application(name) for name in self.containers]}}
            case "GET", ["ws", "v1", "cluster", "apps", name] if name in self.containers:
                return 200, {"app": self._application(name)}
            case "GET", ["ws", "v1", "cluster", "apps", name, "state"] if name in self.containers:
                return 200, {"state": self._application(name)["state"]}
            case "PUT", ["ws", "v1", "cluster", "apps", name, "state"] if name in self.containers:
                assert body == {"state": "KILLED"}
                self.containers[name].remove()
                return 202, body
        return 404, {}

    def _submit(self, words: list[str]) -> None:
        """Take an application in: its program is copied to a node, and started there."""
        options: dict[str, list[str]] = {}
        while words[0].startswith("--"):
            name, value, *words = words
            options.setdefault(name, []).append(value)
        self.asked.append({"options": options, "program": words[0]})
        name = f"application_1_{len(self.asked):04}"
        node = self.folder / name
        node.mkdir()
        program = str(shutil.copy(words[0], node))
        self.start(name, {"name": options["--name"][0]}, [str(self._python), program, *words[1:]], self._environ)

    def _application(self, name: str) -> dict[str, str]:
        container = self.containers[name]
        state = "RUNNING" if container.runs else "FINISHED"
        return {"id": name, "name": container.labels["name"], "state": state, "amHostHttpAddress": f"{IP}:8042"}


if __name__ == "__main__":
    urlopen(Request(sys.argv[1], json.dumps({"words": sys.argv[2:]}).encode())).close()  # ours
