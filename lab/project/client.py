"""A client as people write it with `websockets`: says what `argv[2]` names, then prints whatever it gets."""
import asyncio
import sys

import websockets

SAID = {
    "listen": None,
    "big": '{"texto": "' + "x" * 5000 + '"}',
    "words": "hola, ¿hay alguien?",
    "keyless": '{"mensaje": "hola"}',
    "binary": b'{"texto": "hola"}',
    "handlerless": '{"texto": "/sin_manejador"}',
}


async def main(url, what):
    async with websockets.connect(url, ping_interval=None) as socket:
        print("connected", flush=True)
        if what == "utf8":
            await socket.send(b'{"texto": "\xc3("}', text=True)
        elif SAID[what] is not None:
            await socket.send(SAID[what])
        async for message in socket:
            print(message, flush=True)


asyncio.run(main(sys.argv[1], sys.argv[2]))
