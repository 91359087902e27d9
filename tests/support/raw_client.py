"""Bytes on plain sockets, for what no HTTP client would send.

    raw_client.py PORT CASES.json

CASES is an array of conversations, each on a connection of its own, all at once. A conversation is
an array of steps: a string is sent (latin-1), a number is a pause in seconds, ["until", TEXT] reads
until TEXT has come, ["read", N] reads N bytes more and drops them, ["send", N] sends N letters x,
["end"] closes our side for writing, ["leave"] closes. At the end it reads until the server closes or says nothing for `quiet`
seconds. The output is an array of {"text":, "dropped":, "closed":, "reset":}.
"""
import json
import socket
import sys
import threading
import time

QUIET = 0.4


def receive(sock, state, limit=65536):
    try:
        data = sock.recv(limit)
    except socket.timeout:
        return None
    except ConnectionError:
        state["reset"] = True
        data = b""
    if not data:
        state["closed"] = True
    return data


def step(sock, action, state):
    if isinstance(action, str):
        sock.sendall(action.encode("latin-1"))
    elif isinstance(action, (int, float)):
        time.sleep(action)
    elif action[0] == "send":
        sock.sendall(b"x" * action[1])
    elif action[0] == "end":
        sock.shutdown(socket.SHUT_WR)
    elif action[0] == "leave":
        sock.close()
        return False
    elif action[0] == "until":
        while action[1].encode("latin-1") not in state["text"]:
            data = receive(sock, state)
            if not data:
                return False
            state["text"] += data
    elif action[0] == "read":
        while state["dropped"] < action[1]:
            data = receive(sock, state)
            if not data:
                return False
            state["dropped"] += len(data)
    return True


def converse(port, steps, state):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        try:
            if not all(step(sock, action, state) for action in steps):
                return
        except ConnectionError:
            state["reset"] = True
        sock.settimeout(QUIET)
        while True:
            data = receive(sock, state)
            if not data:
                return
            state["text"] += data


def main():
    port, cases = int(sys.argv[1]), json.load(open(sys.argv[2], encoding="utf-8"))
    states = [{"text": b"", "dropped": 0, "closed": False, "reset": False} for _ in cases]
    threads = [threading.Thread(target=converse, args=(port, case, state))
               for case, state in zip(cases, states)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for state in states:
        state["text"] = state["text"].decode("latin-1")
    json.dump(states, sys.stdout, ensure_ascii=True)


main()
