"""The web sockets of Prefect 3's events, as the `websockets` library speaks to them. Arguments: the API's address and
its password. Prints one JSON object: what each conversation saw."""
import asyncio, json, sys, urllib.request, uuid
from base64 import b64encode
from datetime import datetime, timezone

import websockets
from websockets.asyncio.client import connect

URL, PASSWORD = sys.argv[1:3]
SOCKET = URL.replace("http", "ws") + "/events"
RIGHT = {"type": "auth", "token": PASSWORD}


def event(name, **more):
    return {"id": str(uuid.uuid4()), "occurred": datetime.now(timezone.utc).isoformat(), "event": name,
            "resource": {"prefect.resource.id": "spec.one"}, "related": [], "payload": {"n": 1}, **more}


def kept(name):
    request = urllib.request.Request(URL + "/events/filter", method="POST", headers={
        "content-type": "application/json", "authorization": "Basic " + b64encode(PASSWORD.encode()).decode()},
        data=json.dumps({"filter": {"event": {"name": [name]}}}).encode())
    return json.load(urllib.request.urlopen(request))["events"]


async def eventually(read):
    for _ in range(100):
        found = read()
        if found:
            return found
        await asyncio.sleep(0.1)
    return found


async def tell(name):
    async with connect(SOCKET + "/in", subprotocols=["prefect"]) as socket:
        await socket.send(json.dumps(RIGHT))
        await socket.recv()
        await socket.send(json.dumps(event(name)))
        await asyncio.wait_for(await socket.ping(), 10)


async def talk(path, *messages, protocols=("prefect",), answers=1, meanwhile=None):
    """Says something; gives what came back, and how it was closed. `meanwhile`: the name of an event that is told
    before the last answer."""
    heard = []
    try:
        async with connect(SOCKET + path, subprotocols=protocols or None) as socket:
            heard.append(socket.subprotocol)
            for message in messages:
                await socket.send(message if isinstance(message, (str, bytes)) else json.dumps(message))
            for number in range(answers):
                if meanwhile and number == answers - 1:
                    await asyncio.sleep(0.5)
                    await tell(meanwhile)
                heard.append(json.loads(await asyncio.wait_for(socket.recv(), 3 if meanwhile else 10)))
            return heard
    except websockets.exceptions.ConnectionClosed as err:
        return heard + [err.rcvd.code if err.rcvd else None]
    except websockets.exceptions.InvalidStatus as err:
        return heard + ["refused", err.response.status_code]
    except asyncio.TimeoutError:
        return heard + ["silence"]


async def logins():
    return {
        "right": await talk("/in", RIGHT), "right, out": await talk("/out", RIGHT),
        "wrong": await talk("/in", {"type": "auth", "token": "other"}), "none": await talk("/in", {"type": "auth"}),
        "null": await talk("/in", {"type": "auth", "token": None}),
        "another message": await talk("/in", {"type": "hello"}),
        "no protocol": await talk("/in", RIGHT, protocols=()),
        "another protocol": await talk("/in", RIGHT, protocols=("mqtt",)),
        "no filter": await talk("/out", RIGHT, {"type": "hello"}, answers=2),
    }


async def passing():
    """What goes in comes out: to those who listen, to those who come later, and in the list."""
    name = "spec." + uuid.uuid4().hex
    async with connect(SOCKET + "/out", subprotocols=["prefect"]) as out:
        await out.send(json.dumps(RIGHT))
        await out.recv()
        await out.send(json.dumps({"type": "filter", "backfill": False, "filter": {
            "event": {"name": [name]}, "occurred": {"until": "2124-01-01T00:00:00Z"}}}))
        async with connect(SOCKET + "/in", subprotocols=["prefect"]) as inside:
            await inside.send(json.dumps(RIGHT))
            await inside.recv()
            await asyncio.sleep(0.5)
            await inside.send(json.dumps(event(name + ".other")))
            await inside.send(json.dumps(event(name, payload={"text": "\u00e9" * 70000})))
            await asyncio.wait_for(await inside.ping(), 10)
            live = json.loads(await asyncio.wait_for(out.recv(), 10))
    # a filter ends now unless it says when
    silent = await talk("/out", RIGHT, {"type": "filter", "backfill": False, "filter": {"event": {"prefix": ["spec."]}}},
                        answers=2, meanwhile=name + ".late")
    listed = await eventually(lambda: kept(name))
    later = await talk("/out", RIGHT, {"type": "filter", "filter": {"event": {"name": [name]}}}, answers=2)
    return {"silent": silent, "type": live["type"], "fields": sorted(live["event"]), "size": len(live["event"]["payload"]["text"]),
            "listed": [len(listed), sorted(listed[0])], "later": [later[1]["type"], later[2]["type"],
                                                                  later[2]["event"]["id"] == live["event"]["id"]]}


async def broken():
    """What is no event ends the conversation, and only that one."""
    return {"no JSON": (await talk("/in", RIGHT, "no JSON", answers=2))[-1],
            "no event": (await talk("/in", RIGHT, {"event": "x"}, answers=2))[-1]}


async def main():
    print(json.dumps({"logins": await logins(), "passing": await passing(), "broken": await broken()}))


asyncio.run(main())
