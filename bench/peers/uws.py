"""The broadcast of socketify's documentation ("WebSockets", pub/sub): everybody subscribes to one topic of uWebSockets."""
import sys

from socketify import App, AppListenOptions, CompressOptions

app = App()
app.ws(
    "/*",
    {
        "compression": CompressOptions.DISABLED,
        "open": lambda socket: socket.subscribe("chat"),
        "message": lambda socket, message, opcode: socket.publish("chat", message, opcode),
    },
)
app.listen(AppListenOptions(port=int(sys.argv[1]), host="127.0.0.1"), lambda config: None)
app.run()
