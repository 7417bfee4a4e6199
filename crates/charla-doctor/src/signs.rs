//! Lines that are known by their words, whoever wrote them: one table.
//!
//! A line is a sign when it holds all words of one of the sign's patterns. Words are compared as they stand. Where each text
//! comes from is said beside it; what it means is decided by the [`checks`](crate::checks), never here.

use serde::{Deserialize, Serialize};

macro_rules! signs {
    ($($(#[$doc:meta])* $name:ident: $([$($word:literal),+])*;)*) => {
        /// A kind of line.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Sign {
            $($(#[$doc])* $name,)*
        }

        impl Sign {
            /// Every sign.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its patterns: each a list of words that must all stand in the line. Signs without any are told by the shape of
            /// a line or by what stands around it, in [`explain`](crate::explain).
            #[must_use]
            pub fn patterns(self) -> &'static [&'static [&'static str]] {
                match self {
                    $(Self::$name => &[$(&[$($word),+]),*],)*
                }
            }
        }
    };
}

signs! {
    // Tokens. Applications write these themselves: close code or the library's words, in English or Spanish.
    /// SimpleJWT or PyJWT: the token's time is over.
    TokenExpired: ["Token is expired"] ["Signature has expired"] ["token_expired"] ["ExpiredSignatureError"] ["jwt expired"] ["Token expired"];
    /// SimpleJWT's one text for a bad signature, a malformed token, another algorithm, a time before `nbf`.
    TokenInvalid: ["Token is invalid"] ["Signature verification failed"] ["InvalidSignatureError"] ["Token signature is invalid"];
    /// PyJWT: not yet valid.
    TokenNotYetValid: ["The token is not yet valid"] ["ImmatureSignatureError"];
    /// PyJWT: another algorithm.
    TokenAlgorithm: ["The specified alg value is not allowed"] ["InvalidAlgorithmError"];
    /// PyJWT: not a JWT.
    TokenMalformed: ["Not enough segments"] ["Invalid header padding"] ["Invalid payload padding"];
    /// SimpleJWT: a refresh token where an access token belongs.
    TokenWrongType: ["Token has wrong type"] ["El token tiene un tipo incorrecto"];
    /// SimpleJWT's blacklist.
    TokenBlacklisted: ["Token is blacklisted"] ["El token está en lista negra"] ["token_revoked"];
    /// No token in the address.
    TokenMissing: ["sin token"] ["without token"] ["token missing"] ["token_missing"] ["No token provided"] ["token not provided"] ["token=undefined"] ["token=null"];
    /// The token's user is gone or switched off.
    UserUnknown: ["Usuario del token no existe"] ["User not found", "token"] ["user_not_found"] ["no existe o inactivo"];
    /// The token's user is switched off.
    UserInactive: ["User is inactive"] ["user_inactive"] ["usuario inactivo"];
    /// Somebody says close code 4401: the application that sends it, or a client that got it.
    Closed4401: ["-> 4401"] ["close code 4401"] ["code=4401"] ["code: 4401"] ["\"code\":4401"] ["received 4401 ("];
    /// Somebody says close code 4403: the application that sends it, or a client that got it.
    Closed4403: ["-> 4403"] ["close code 4403"] ["code=4403"] ["code: 4403"] ["\"code\":4403"] ["received 4403 ("];
    /// Somebody says close code 4404: the application that sends it, or a client that got it.
    Closed4404: ["-> 4404"] ["close code 4404"] ["code=4404"] ["code: 4404"] ["\"code\":4404"] ["received 4404 ("];
    /// The application says that somebody may not enter.
    NotAMember: ["sin permiso en chat"] ["sin permiso", "chat"] ["not a member"] ["not_a_member"] ["no permission", "chat"];
    /// The application says that there is no such chat.
    ChatMissing: ["Chat ", "no existe"] ["Chat ", "does not exist"] ["Chat matching query does not exist"] ["chat_not_found"];

    // Redis, as redis-py's exceptions and Redis' own errors.
    /// redis-py: nobody listens.
    RedisRefused: ["ConnectionError", "Error 111 connecting to"] ["Error 111 connecting to", "Connection refused"];
    /// redis-py: the name leads nowhere.
    RedisNoName: ["Error -2 connecting to"] ["Error -3 connecting to"] ["redis", "Name or service not known"];
    /// redis-py: Redis ended the connection.
    RedisClosed: ["ConnectionError: Connection closed by server."];
    /// A password is wanted.
    RedisNoAuth: ["NOAUTH"] ["redis.exceptions.AuthenticationError: Authentication required"] ["HELLO must be called with the client already authenticated"];
    /// The password is wrong.
    RedisWrongPass: ["WRONGPASS"] ["invalid username-password pair or user is disabled"];
    /// Too many clients.
    RedisMaxClients: ["max number of clients reached"];
    /// A replica.
    RedisReadOnly: ["You can't write against a read only replica"];
    /// Loading its data.
    RedisLoading: ["Redis is loading the dataset in memory"];
    /// Out of memory.
    RedisOutOfMemory: ["command not allowed when used memory > 'maxmemory'"];
    /// Cannot save.
    RedisMisconf: ["MISCONF Redis is configured to save RDB snapshots"];
    /// Too old for a blocking pop.
    RedisNoBzpopmin: ["unknown command 'BZPOPMIN'"] ["unknown command `BZPOPMIN`"];
    /// redis-py: no answer in time; with redis-py 8 and channels_redis 4.3.0 on every idle socket after 5 s.
    RedisTimeout: ["redis.exceptions.TimeoutError: Timeout reading from"] ["Timeout reading from", "6379"];
    /// Redis' log: a slow subscriber was cut.
    RedisOutputBuffer: ["overcoming of output buffer limits"];
    /// channels_redis, pub/sub layer: its receiver lost Redis.
    PubSubLost: ["channels_redis.pubsub", "Unexpected exception in receive task"] ["Unexpected exception in receive task"];
    /// channels_redis: messages were dropped.
    OverCapacity: ["channels over capacity in group"] ["ChannelFull"];
    /// channels: no layer is configured.
    NoLayer: ["'NoneType' object has no attribute 'group_add'"] ["'NoneType' object has no attribute 'group_send'"];
    /// msgpack could not read a message of the layer: another serializer or encryption.
    LayerUndecodable: ["msgpack.exceptions.ExtraData"] ["unpack(b) received extra data"] ["cryptography.fernet.InvalidToken"];

    // The server.
    /// Charla: an address in `server.trusted_proxies` sent no PROXY header, which `server.proxy_protocol` demands.
    ProxyHeaderMissing: ["a trusted proxy's connection was refused"];
    /// uvicorn: the handshake was accepted.
    UvicornAccepted: ["\"WebSocket /", "\" [accepted]"];
    /// uvicorn: closed before accept. Once a handshake: the line `connection rejected (403 Forbidden)` after it is not counted.
    UvicornRejected: ["\"WebSocket /", "\" 403"];
    /// uvicorn: an exception before accept.
    UvicornFailed: ["connection rejected (500 Internal Server Error)"];
    /// daphne: rejected.
    DaphneRejected: ["\"WSREJECT /"];
    /// An exception in the application.
    AppException: ["Exception in ASGI application"] ["Exception inside application:"];
    /// The application returned before it accepted.
    AppReturned: ["ASGI callable returned without completing handshake"] ["ASGI callable returned without sending handshake"];
    /// Channels: no route.
    NoRoute: ["No route found for path"];
    /// Channels: nothing for WebSockets at all.
    NotAsgi: ["Django can only handle ASGI/HTTP connections, not websocket"] ["No application configured for scope type 'websocket'"] ["missing 1 required positional argument: 'start_response'"];
    /// Django's runserver without daphne, or another server of Python's own, speaks WSGI.
    WsgiServer: ["WSGIServer/"] ["Starting development server at http"];
    /// uvicorn: no library.
    NoLibrary: ["No supported WebSocket library detected"];
    /// uvicorn: an upgrade that nobody can serve.
    UnsupportedUpgrade: ["Unsupported upgrade request."];
    /// Django: the path of a WebSocket asked for by plain HTTP, and not found.
    PlainNotFound: ["Not Found: /ws"];
    /// A plain GET of a WebSocket's path in the application server's own access log: the request lost its upgrade.
    PlainGet: ;
    /// The same where only uvicorn (its reason phrase) or daphne (no protocol after the path) can have written it.
    PlainAtServer: [" - \"GET /ws", "\" 404 Not Found"] [" - - [", "\"GET /ws", "/\" 404 "];
    /// uvicorn: the application cannot be loaded.
    StartupError: ["Error loading ASGI app"] ["Could not import module"] ["Application startup failed. Exiting."];
    /// Python: a module or a setting is missing, at the start or later.
    ModuleMissing: ["ModuleNotFoundError: No module named"] ["ImproperlyConfigured: "];
    /// The port is taken.
    PortInUse: ["address already in use"] ["Address already in use"] ["Errno 98"];
    /// uvicorn or daphne stops in order.
    ShuttingDown: ["Waiting for background tasks to complete"] ["INFO:     Shutting down"] ["Killed ", " pending application instances"] ["Finished server process"];
    /// uvicorn: started.
    Started: ["Uvicorn running on"] ["Application startup complete"] ["Listening on TCP address"] ["Started server process"];
    /// uvicorn or daphne: started, though the last start in the same log never came to an orderly end: it crashed, or was
    /// killed.
    StartedAgain: ;
    /// gunicorn: a worker did not answer.
    WorkerTimeout: ["WORKER TIMEOUT (pid:"];
    /// gunicorn or the kernel: killed.
    WorkerKilled: ["was sent SIGKILL! Perhaps out of memory?"] ["Killed process"] ["code=killed, status=9/KILL"] ["Main process exited, code=killed"];
    /// The kernel: out of memory.
    OutOfMemory: ["Out of memory: Killed process"] ["oom-kill:"] ["Failed with result 'oom-kill'"] ["A process of this unit has been killed by the OOM killer"];
    /// The kernel, or `netstat -s`: a listen queue overflowed.
    ListenQueueFull: ["Possible SYN flooding on port"] ["times the listen queue of a socket overflowed"];
    /// systemd: restarts.
    RestartScheduled: ["Scheduled restart job, restart counter is at"];
    /// systemd: gave up.
    RestartLimit: ["Start request repeated too quickly"] ["start-limit-hit"];
    /// uvicorn: as many requests as it was to serve.
    RequestLimit: ["Maximum request limit of", "exceeded. Terminating process."];
    /// uvicorn: `--limit-concurrency`.
    ConcurrencyLimit: ["Exceeded concurrency limit."];
    /// No descriptors left.
    TooManyFiles: ["Too many open files"] ["socket.accept() out of system resource"];
    /// The server's ping was not answered, as the server or its client says.
    PingTimeout: ["keepalive ping timeout"] ["keepalive ping failed"];
    /// daphne: killed an application that hung.
    HungApplication: ["took too long to shut down and was killed"];
    /// Bytes that are no HTTP.
    InvalidHttp: ["Invalid HTTP request received."];
    /// A head that is too long for the `websockets` library.
    HeadTooLong: ["414 Request-URI Too Long"] ["431 Request Header Fields Too Large"] ["414 URI Too Long"];

    // The database.
    /// Nobody listens.
    DatabaseRefused: ["connection to server at", "failed: Connection refused"] ["could not connect to server", "Connection refused"] ["Can't connect to MySQL server"] ["the database system is starting up"];
    /// No connection left.
    DatabaseFull: ["remaining connection slots are reserved"] ["too many clients already"] ["too many connections for role"];
    /// A wrong password, user or database.
    DatabaseRefusedUser: ["password authentication failed for user"] ["FATAL:  database", "does not exist"];
    /// A table is missing.
    TableMissing: ["no such table:"] ["UndefinedTable"] ["relation", "does not exist"];
    /// A row that was relied on is gone.
    ForeignKey: ["FOREIGN KEY constraint failed"] ["violates foreign key constraint"];

    // Messages.
    /// Text that is not JSON.
    InvalidJson: ["json.decoder.JSONDecodeError"];
    /// channels: the consumer was reading a message as JSON (a line of the traceback).
    ConsumerDecode: ["channels/generic/websocket.py", "in decode_json"];
    /// JSON without an expected key.
    MissingKey: ["KeyError: '"];
    /// A binary frame to a text consumer.
    BinaryFrame: ["No text section for incoming WebSocket frame"];
    /// Text that is not UTF-8.
    InvalidUtf8: ["Invalid UTF-8 sequence received from client"] ["received 1007 (invalid frame payload data)"] ["Could not decode a text frame as UTF-8"] ["\"code\":1007"] ["(code: 1007"];
    /// A frame that breaks RFC 6455.
    ProtocolError: ["received 1002 (protocol error)"] ["incorrect masking"] ["A server must not mask any frames"] ["One or more reserved bits are on"] ["Invalid frame header"] ["Received unexpected continuation frame"] ["\"code\":1002"] ["(code: 1002"];
    /// A message over the limit.
    MessageTooBig: ["frame exceeds limit of"] ["Message exceeds the maximum size"] ["failing connection with code 1009"] ["message too big"];
    /// channels: an event without a handler.
    NoHandler: ["No handler for message type"];

    // nginx' error log.
    /// Nobody listens at the upstream.
    NginxRefused: ["connect() failed (111: Connection refused) while connecting to upstream"];
    /// No permission.
    NginxPermission: ["failed (13: Permission denied) while connecting to upstream"];
    /// No such socket.
    NginxNoSocket: ["connect() to unix:", "failed (2: No such file or directory)"];
    /// No answer to the handshake.
    NginxNoAnswer: ["upstream timed out (110", "while reading response header from upstream"];
    /// No TCP connection.
    NginxConnectTimeout: ["upstream timed out (110", "while connecting to upstream"];
    /// An open connection was silent for `proxy_read_timeout` (level info).
    NginxIdleCut: ["upstream timed out (110", "while proxying upgraded connection"];
    /// The client did not read (level info).
    NginxClientStuck: ["client timed out (110", "while proxying upgraded connection"];
    /// The application hung up in the handshake.
    NginxHungUp: ["upstream prematurely closed connection while reading response header"] ["(104: Connection reset by peer) while reading response header from upstream"];
    /// The application reset an open connection.
    NginxReset: ["(104: Connection reset by peer) while proxying upgraded connection"];
    /// Every upstream counts as failed.
    NginxNoneAlive: ["no live upstreams while connecting to upstream"];
    /// The upstream's name leads nowhere.
    NginxNoName: ["could not be resolved"] ["host not found in upstream"];
    /// `limit_req`.
    NginxRateLimited: ["limiting requests, excess:"];
    /// `limit_conn`.
    NginxConnectionsLimited: ["limiting connections by zone"];
    /// A file that is not there: the path is served from disk.
    NginxNoFile: ["is not found (2: No such file or directory)"];
    /// Out of connections.
    NginxWorkerConnections: ["worker_connections are not enough"];
    /// Out of descriptors.
    NginxTooManyFiles: ["accept4() failed (24: Too many open files)"];
    /// Out of local ports.
    NginxNoPorts: ["(99: Cannot assign requested address) while connecting to upstream"];
    /// A reload.
    NginxReload: ["gracefully shutting down"] ["signal 1 (SIGHUP) received"] ["Backend successfully reloaded"];
    /// A header line that is too long (level info).
    NginxHeaderTooLong: ["client sent too long header line"];
    /// A URI that is too long (level info).
    NginxUriTooLong: ["client sent too long URI"];
    /// Plain HTTP on a TLS port.
    NginxPlainOnTls: ["client sent plain HTTP request to HTTPS port"];
    /// A TLS handshake that failed.
    NginxTls: ["SSL_do_handshake() failed"];
    /// `auth_basic`.
    NginxNoPassword: ["no user/password was provided for basic authentication"] [": user \"", "\" was not found in \""] ["password mismatch"];
    /// `deny`.
    NginxDenied: ["access forbidden by rule"];

    // The browser's console and clients.
    /// A status instead of 101.
    UnexpectedStatus: ["Unexpected response code:"] ["Unexpected server response:"] ["server rejected WebSocket connection: HTTP"];
    /// Where a redirect leads.
    RedirectedTo: ["Location: http"] ["location: http"] ["isn't a valid URI: scheme isn't ws or wss"];
    /// 401.
    AuthenticationFailed: ["HTTP Authentication failed; no valid credentials available"];
    /// Refused.
    BrowserRefused: ["net::ERR_CONNECTION_REFUSED"] ["ECONNREFUSED"] ["NS_ERROR_CONNECTION_REFUSED"];
    /// Reset or hung up.
    BrowserReset: ["net::ERR_CONNECTION_RESET"] ["net::ERR_SOCKET_NOT_CONNECTED"] ["net::ERR_EMPTY_RESPONSE"] ["error: socket hang up"] ["Recv failure: Connection reset by peer"];
    /// Closed without a byte.
    BrowserNoAnswer: ["Connection closed before receiving a handshake response"] ["Empty reply from server"];
    /// No answer in time.
    BrowserTimedOut: ["WebSocket opening handshake timed out"] ["net::ERR_CONNECTION_TIMED_OUT"] ["net::ERR_TIMED_OUT"];
    /// The name leads nowhere.
    BrowserNoName: ["net::ERR_NAME_NOT_RESOLVED"] ["getaddrinfo ENOTFOUND"] ["Could not resolve host"];
    /// Plain where TLS was expected.
    BrowserNoTls: ["net::ERR_SSL_PROTOCOL_ERROR"] ["wrong version number"];
    /// An authority that is not trusted.
    BrowserAuthority: ["net::ERR_CERT_AUTHORITY_INVALID"] ["self-signed certificate"] ["self signed certificate"] ["unable to get local issuer certificate"] ["unable to verify the first certificate"];
    /// A certificate out of its time.
    BrowserCertDate: ["net::ERR_CERT_DATE_INVALID"] ["certificate has expired"];
    /// A certificate of another name.
    BrowserCertName: ["net::ERR_CERT_COMMON_NAME_INVALID"] ["does not match certificate's altnames"] ["no alternative certificate subject name matches"];
    /// Mixed content.
    MixedContent: ["Mixed Content:", "WebSocket"] ["An insecure WebSocket connection may not be initiated from a page loaded over HTTPS"];
    /// The page's content policy.
    ContentPolicy: ["Connecting to 'ws", "Content Security Policy directive"] ["Refused to connect to 'ws", "Content Security Policy"] ["does not appear in the connect-src directive"] ["blocked the loading of a resource", "connect-src", "ws://"] ["blocked the loading of a resource", "connect-src", "wss://"] ["bloqueó la carga de un recurso", "connect-src", "ws://"] ["bloqueó la carga de un recurso", "connect-src", "wss://"];
    /// A blocker, on a WebSocket: blockers stop other requests of healthy pages all the time.
    BlockedByClient: ["WebSocket connection to '", "net::ERR_BLOCKED_BY_CLIENT"] ["errorMessage=", "net::ERR_BLOCKED_BY_CLIENT"];
    /// Too many sockets.
    TooManySockets: ["net::ERR_INSUFFICIENT_RESOURCES"];
    /// Offline.
    BrowserOffline: ["net::ERR_INTERNET_DISCONNECTED"];
    /// The network changed.
    NetworkChanged: ["net::ERR_NETWORK_CHANGED"];
    /// Sub-protocols do not agree.
    SubprotocolMissing: ["Sent non-empty 'Sec-WebSocket-Protocol' header but no response was received"] ["Server sent no subprotocol"];
    /// A sub-protocol that was not offered.
    SubprotocolForeign: ["'Sec-WebSocket-Protocol' header value", "does not match any of sent values"];
    /// A middlebox rewrote the 101.
    UpgradeRewritten: ["'Upgrade' header is missing"] ["'Connection' header value must contain 'Upgrade'"] ["Incorrect 'Sec-WebSocket-Accept' header value"];
    /// Not HTTP.
    NotHttp: ["Invalid status line"];
    /// A corporate proxy.
    TunnelRefused: ["Establishing a tunnel via proxy server failed"] ["Proxy authentication failed"];
    /// Private addresses from public pages.
    LocalNetwork: ["Local Network Access"] ["more-private address space"];
    /// Firefox and Safari: it failed, and they say no more.
    BrowserFailed: ["Firefox can\u{2019}t establish a connection to the server at ws"] ["Firefox can't establish a connection to the server at ws"]
        ["Firefox no puede establecer una conexi", "ws://"] ["Firefox no puede establecer una conexi", "wss://"] ["There was a bad response from the server"] ["The network connection was lost"];
    /// The page went away, or closed the socket itself, before it was open.
    ClosedByPage: ["WebSocket is closed before the connection is established"] ["was interrupted while the page was loading"]
        ["se interrumpió mientras se cargaba"];
    /// The guide's front end: gave up.
    GaveUp: ["MÁXIMO DE INTENTOS ALCANZADO"] ["MAXIMUM ATTEMPTS REACHED"];
    /// The guide's front end: tries again.
    Reconnecting: ["Reintentando en"] ["Conectando WebSocket:"] ["Connecting WebSocket:"] ["Retrying in"];
    /// A close without a frame.
    Abnormal: ["code: 1006"] ["code=1006"] ["\"code\":1006"] ["con código 1006"] ["with code 1006"] ["no close frame received or sent"];

    // What the debug guide's commands print.
    /// `ps` lists a server's process that runs.
    ProcessListed: ;
    /// `ps` lists a server's process that is stopped (`T`): frozen by SIGSTOP or a debugger.
    ProcessStopped: ;
    /// `ps ... | grep uvicorn` lists nothing.
    ProcessMissing: ;
    /// `redis-cli ping`: PONG.
    RedisPong: ;
    /// `redis-cli ping`: no answer at all.
    RedisSilent: ;
    /// `redis-cli`: nobody listens.
    RedisCliRefused: ["Could not connect to Redis at", "Connection refused"];

    // Charla's own log.
    /// A refusal with its cause; which one is in `causes` of [`LogsSeen`](crate::evidence::LogsSeen).
    CharlaCause: ["charla", " cause="];
}
