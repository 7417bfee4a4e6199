//! What `charla import-django` says, on the terminal and in the comments of what it writes.

use std::fmt::Display;

use charla_wire::Lang;

words! {
    head(from)
        "Charla beside the Django project `{from}`, as `charla import-django` read it: nothing of it was run. A line that begins with `# ?` is for you: it says what could not be told, and why. Check this file with: charla config check --config charla.toml"
        "Charla junto al proyecto Django `{from}`, tal como lo leyó `charla import-django`: no se ejecutó nada de él. Una línea que empieza con `# ?` es para ti: dice qué no se pudo saber, y por qué. Comprueba este archivo con: charla config check --config charla.toml"
    assumed(names)
        "The environment of the server's process could not be seen; these variables were taken at the default that the settings give: {names}."
        "No se pudo ver el entorno del proceso del servidor; estas variables se tomaron con el valor por defecto de los settings: {names}."
    not_read(places)
        "Lines of Python that could not be read, so that what they say is missing here: {places}."
        "Líneas de Python que no se pudieron leer; lo que dicen falta aquí: {places}."
    not_followed(places) "Not followed: {places}." "No se siguió: {places}."
    from_setting(setting, at) "{setting}, {at}" "{setting}, {at}"
    nothing_found() "nothing found" "no se encontró nada"

    listen_beside(server, port, at)
        "Beside {server}, which keeps port {port} ({at}): nginx decides who gets which path."
        "Junto a {server}, que conserva el puerto {port} ({at}): nginx decide quién recibe cada ruta."
    listen_default(server, port, at)
        "{server} is started without a port that could be read ({at}); {port} is its default. Give Charla a free one beside it."
        "{server} se inicia sin un puerto que se pudiera leer ({at}); {port} es su valor por defecto. Dale a Charla uno libre a su lado."
    listen_unknown(port)
        "No Procfile, unit or compose file says how the application is started; {port} was assumed for it. Give Charla a free port beside it, and correct nginx.conf as well."
        "Ningún Procfile, unidad ni archivo compose dice cómo se inicia la aplicación; se supuso {port} para ella. Dale a Charla un puerto libre a su lado, y corrige también nginx.conf."
    public_url(at) "The first name in ALLOWED_HOSTS, {at}" "El primer nombre de ALLOWED_HOSTS, {at}"
    public_url_unknown()
        "How does the world name this site? ALLOWED_HOSTS has no whole name. Without it the Host header says."
        "¿Cómo se llama este sitio hacia fuera? ALLOWED_HOSTS no tiene ningún nombre completo. Sin él, lo dice la cabecera Host."
    proxies()
        "nginx on this machine, and nobody else: whoever is listed says where a client comes from."
        "nginx en esta máquina, y nadie más: quien esté en la lista dice de dónde viene un cliente."
    tenants_schemas()
        "Each tenant is a schema (django-tenants): the address or the token names it, and no tenant is the default."
        "Cada tenant es un schema (django-tenants): lo nombra la dirección o el token, y ninguno es el valor por defecto."
    tenants_named(at)
        "A tenant is told by name ({at}), but no schema separates the tables. Charla keeps tenants apart by that name; the query below does not look at it. Add a condition on :tenant there if your tables have such a column. Who names none belongs to this one:"
        "El tenant se da por nombre ({at}), pero ningún schema separa las tablas. Charla separa los tenants por ese nombre; la consulta de abajo no lo mira. Añade allí una condición sobre :tenant si tus tablas tienen esa columna. Quien no nombra ninguno pertenece a este:"
    tenants_one()
        "One site, one tenant: any name will do, but it stays the same for ever."
        "Un sitio, un tenant: cualquier nombre sirve, pero queda para siempre."

    origins_unknown(name, at)
        "{name} depends on what could not be seen ({at}): add the origins of your pages."
        "{name} depende de algo que no se pudo ver ({at}): añade los orígenes de tus páginas."
    origin_pattern(origin, at)
        "`{origin}` ({at}) stands for many; Charla wants each origin in full, such as https://app.example.org."
        "`{origin}` ({at}) vale por muchos; Charla quiere cada origen completo, como https://app.example.org."
    origins_checked(validator)
        "{validator} let in pages of the allowed hosts; the server's own always may."
        "{validator} dejaba entrar a las páginas de los hosts permitidos; las propias del servidor siempre pueden."
    origins_for_cookies()
        "A session's cookie is a credential here: only these pages and the server's own may use it."
        "Aquí la cookie de sesión es una credencial: solo estas páginas y las propias del servidor pueden usarla."
    origins_unchecked()
        "Channels looked at no origin (asgi.py has no OriginValidator): any page could connect. Charla lets in the server's own pages and these; is one missing? [\"*\"] lets in all, as before."
        "Channels no miraba el origen (asgi.py no tiene OriginValidator): cualquier página podía conectar. Charla deja entrar a las páginas propias del servidor y a estas; ¿falta alguna? [\"*\"] deja entrar a todas, como antes."
    origins_from(places) "From {places}" "De {places}"
    origin_missing()
        "As the validator did: without an Origin header nobody gets in, wscat neither."
        "Como hacía el validador: sin cabecera Origin no entra nadie, tampoco wscat."

    accounts_theirs() "Django hands out the tokens, not Charla." "Los tokens los da Django, no Charla."
    audiences(at)
        "AUDIENCE allows several ({at}); Charla checks one."
        "AUDIENCE permite varios ({at}); Charla comprueba uno."
    token_elsewhere(name, at)
        "The token is read from ?{name}= ({at}); Charla reads ?token=, Authorization: Bearer, and the sub-protocols `jwt, <token>`. Let nginx rename it, or the page send it so."
        "El token se lee de ?{name}= ({at}); Charla lee ?token=, Authorization: Bearer y los subprotocolos `jwt, <token>`. Que nginx lo renombre, o que la página lo envíe así."
    claim_read(at) "The middleware takes the tenant from this claim, {at}" "El middleware toma el tenant de este claim, {at}"
    no_simplejwt()
        "SimpleJWT was not found: who signs the tokens, and with what? One entry for each key (docs/tokens.md)."
        "No se encontró SimpleJWT: ¿quién firma los tokens, y con qué? Una entrada por cada clave (docs/tokens.md)."
    algorithm_unknown(algorithm)
        "Tokens are signed with {algorithm}, which Charla does not verify: HS256, HS384, HS512, RS256, ES256 and EdDSA it does. Change ALGORITHM, or publish a key set and set auth.jwks_url."
        "Los tokens se firman con {algorithm}, que Charla no verifica; sí verifica HS256, HS384, HS512, RS256, ES256 y EdDSA. Cambia ALGORITHM, o publica un conjunto de claves y pon auth.jwks_url."
    public_key(file, at)
        "VERIFYING_KEY, {at}: put the public key into {file}. The private one stays with Django."
        "VERIFYING_KEY, {at}: pon la clave pública en {file}. La privada se queda con Django."
    holds_public_key() "the public key that tokens are verified with (VERIFYING_KEY)" "la clave pública con la que se verifican los tokens (VERIFYING_KEY)"
    key_unknown(variable)
        "SECRET_KEY was not found in the settings: hand the key over in {variable}."
        "No se encontró SECRET_KEY en los settings: entrega la clave en {variable}."
    key_variable(setting, variable, at)
        "{setting} is the variable {variable} ({at}): give Charla the same."
        "{setting} es la variable {variable} ({at}): dale a Charla la misma."
    key_literal(setting, at, variable)
        "{setting} stands in the settings as it is ({at}). It was not copied here: hand it over in {variable}, as CUTOVER.md shows. A key that is in a repository is no secret; change it when you can."
        "{setting} está escrita tal cual en los settings ({at}). No se copió aquí: entrégala en {variable}, como muestra CUTOVER.md. Una clave que está en un repositorio no es secreta; cámbiala cuando puedas."
    key_elsewhere(setting, at, variable)
        "{setting} comes from somewhere that is not read ({at}): hand it over in {variable}, as CUTOVER.md shows."
        "{setting} viene de un lugar que no se lee ({at}): entrégala en {variable}, como muestra CUTOVER.md."
    blacklist(at)
        "SimpleJWT's token_blacklist is installed ({at}): asked in the application's database."
        "token_blacklist de SimpleJWT está instalado ({at}): se pregunta en la base de datos de la aplicación."
    sessions(stack, at)
        "{stack} ({at}): Django's session cookie is a credential too."
        "{stack} ({at}): la cookie de sesión de Django también es una credencial."
    sessions_unknown(engine)
        "Sessions in `{engine}` cannot be read by Charla: those in the database, in a Redis cache, or cached_db can."
        "Charla no puede leer sesiones en `{engine}`: sí las de la base de datos, de una caché Redis, o cached_db."
    cache_at(alias, at) "CACHES[\"{alias}\"], {at}" "CACHES[\"{alias}\"], {at}"
    cache_password(file) "The cache's password goes into {file}, never in here." "La contraseña de la caché va en {file}, nunca aquí."
    holds_cache_password() "the password of the cache with the sessions" "la contraseña de la caché con las sesiones"
    cache_authority()
        "Where its certificate is signed by an authority of your own:"
        "Si su certificado lo firma una autoridad propia:"
    revoke_unknown(at, needs)
        "Whether tokens end with the password (SIMPLE_JWT[\"CHECK_REVOKE_TOKEN\"], {at}) depends on {needs}. Where they do:"
        "Si los tokens terminan con la contraseña (SIMPLE_JWT[\"CHECK_REVOKE_TOKEN\"], {at}) depende de {needs}. Si es así:"
    user_query()
        "The model of the users is not Django's own:"
        "El modelo de los usuarios no es el de Django:"
    cache_unknown(alias, at)
        "Sessions are kept in CACHES[\"{alias}\"] ({at}), which is no Redis whose address could be read."
        "Las sesiones se guardan en CACHES[\"{alias}\"] ({at}), que no es un Redis cuya dirección se pudiera leer."

    database_read(at)
        "DATABASES[\"default\"], {at}. Charla only reads it: a role with SELECT on the tables below is enough."
        "DATABASES[\"default\"], {at}. Charla solo la lee: basta un rol con SELECT sobre las tablas de abajo."
    database_password(file) "The password goes into {file}, never in here." "La contraseña va en {file}, nunca aquí."
    holds_database_password() "the password of the application's database" "la contraseña de la base de datos de la aplicación"
    schema_each() "django-tenants: each question in the tenant's own schema." "django-tenants: cada pregunta en el schema del propio tenant."
    database_unknown(at, needs)
        "DATABASES[\"default\"] could not be told ({at}): it depends on {needs}."
        "No se pudo saber DATABASES[\"default\"] ({at}): depende de {needs}."
    authority_unknown()
        "No model was found that a consumer looks up by its address, so who may enter is open: an SQL query, a request to Django (below), or Charla's own members (nothing to set)."
        "No se encontró un modelo que el consumer busque por la dirección; queda abierto quién puede entrar: una consulta SQL, una petición a Django (abajo), o los miembros propios de Charla (sin configurar nada)."
    authority_chat(model, table, at)
        "The consumer looks up {model} (table {table}), {at}."
        "El consumer busca {model} (tabla {table}), {at}."
    authority_proposal(at)
        "A proposal: the condition at {at}, as SQL. Compare the two before you rely on it."
        "Una propuesta: la condición de {at}, en SQL. Compara las dos antes de fiarte."
    authority_open()
        "The consumer's condition could not be turned into SQL, so that `allowed` below is FALSE and nobody gets in: write the condition over u (the user) and c (the chat), or let Django answer with kind = \"http\"."
        "La condición del consumer no se pudo pasar a SQL: `allowed` abajo es FALSE y no entra nadie. Escribe la condición sobre u (el usuario) y c (el chat), o deja que responda Django con kind = \"http\"."
    authority_unclear(what) "Not understood: {what}" "No se entendió: {what}"
    authority_without_database()
        "Without the database above the query has nowhere to go: fill in [application] first."
        "Sin la base de datos de arriba la consulta no tiene adónde ir: completa antes [application]."
    history(table, at)
        "Messages are written into {table} at {at}. Where Charla's own store is in the same PostgreSQL database (store.url), it can write them along in the same transaction, so that admin and reports stay whole:"
        "Los mensajes se escriben en {table} en {at}. Si el almacén de Charla está en la misma base PostgreSQL (store.url), puede escribirlos en la misma transacción, y el admin y los informes siguen completos:"
    history_before(table)
        "What was said before, in {table}: `charla import-history --dry-run` reads it and counts, nothing else reads it. Compare it with your model first."
        "Lo que se dijo antes, en {table}: `charla import-history --dry-run` lo lee y lo cuenta; nada más lo lee. Compáralo antes con tu modelo."
    history_column(column)
        "What goes into {column} could not be told; what a client sends besides its words is in :data (JSON)."
        "No se pudo saber qué va en {column}; lo que un cliente envía además del texto está en :data (JSON)."
    history_incomplete()
        "The column of the chat or of the author was not found: check the statement."
        "No se encontró la columna del chat o la del autor: revisa la sentencia."

    layer_none()
        "No CHANNEL_LAYERS: nothing to bridge. Every socket moves to Charla at once."
        "Sin CHANNEL_LAYERS: no hay nada que unir. Todos los sockets pasan a Charla de una vez."
    layer_unknown(at)
        "CHANNEL_LAYERS could not be told ({at}): set bridge.layer and bridge.hosts by hand if Django goes on sending to groups."
        "No se pudo saber CHANNEL_LAYERS ({at}): pon bridge.layer y bridge.hosts a mano si Django sigue enviando a grupos."
    layer_other(backend, at)
        "{backend} ({at}) stays within one process: there is no bridge to it. For moving path by path give Django a Redis layer first."
        "{backend} ({at}) no sale de un proceso: no hay puente hacia ella. Para mudar ruta por ruta, dale antes a Django una capa en Redis."
    layer_read(backend, at) "{backend}, {at}" "{backend}, {at}"
    hosts_variable(variable)
        "hosts come from the variable {variable} there: compare."
        "hosts viene allí de la variable {variable}: compáralo."
    hosts_unknown()
        "The addresses of Redis could not be told; these are a guess."
        "No se pudieron saber las direcciones de Redis; estas son una suposición."
    hosts_password(file) "The password goes into {file}." "La contraseña va en {file}."
    holds_layer_password() "the password of the channel layer's Redis" "la contraseña del Redis de la capa de canales"
    channel_capacity(at)
        "channel_capacity ({at}) has no counterpart: Charla goes by capacity alone."
        "channel_capacity ({at}) no tiene equivalente: Charla solo mira capacity."
    layer_keys(file)
        "symmetric_encryption_keys go into {file}, one a line, in the same order."
        "symmetric_encryption_keys van en {file}, una por línea, en el mismo orden."
    holds_layer_keys() "symmetric_encryption_keys, one a line" "symmetric_encryption_keys, una por línea"
    group_unknown(what, at)
        "A group's name could not be told ({at}: {what}). Write how it is made, with {{tenant}}, {{chat}} and {{user}}:"
        "No se pudo saber el nombre de un grupo ({at}: {what}). Escribe cómo se forma, con {{tenant}}, {{chat}} y {{user}}:"
    group_of_nobody(group, at)
        "The group `{group}` ({at}) is neither a chat's nor one person's: it is not bridged."
        "El grupo `{group}` ({at}) no es de un chat ni de una persona: no pasa el puente."
    group_by_field(group, field)
        "`{group}` names no tenant: under Channels two tenants' chats with one id hear each other. The event's key `{field}` says whose it is."
        "`{group}` no nombra el tenant: con Channels, los chats de dos tenants con el mismo id se oyen entre sí. La clave `{field}` del evento dice de quién es."
    group_without_tenant(group, field, events)
        "`{group}` names no tenant: under Channels two tenants' chats with one id hear each other. Put the tenant into the name, or add the key `{field}` to every event; without it: {events}. What has no such key is dropped, never guessed."
        "`{group}` no nombra el tenant: con Channels, los chats de dos tenants con el mismo id se oyen entre sí. Pon el tenant en el nombre, o añade la clave `{field}` a cada evento; sin ella: {events}. Lo que no lleva esa clave se descarta, nunca se adivina."
    groups_none()
        "No group_add or group_send was found: without [[bridge.groups]] nothing crosses."
        "No se encontró group_add ni group_send: sin [[bridge.groups]] no pasa nada."
    event_never_sent(kind)
        "Nothing was found that sends `{kind}`: its fields are unknown."
        "No se encontró quién envía `{kind}`: no se conocen sus campos."
    event_unhandled(kind)
        "No consumer has a method `{kind}`: under Channels such an event ends the socket."
        "Ningún consumer tiene un método `{kind}`: con Channels un evento así termina el socket."
    event_nested(kind, outer)
        "The fields of `{kind}` stand in a dict of their own, `{outer}`; the bridge reads those of the event itself. Put them there in Django: {{\"type\": ..., **{outer}}}."
        "Los campos de `{kind}` están en un dict propio, `{outer}`; el puente lee los del evento mismo. Ponlos ahí en Django: {{\"type\": ..., **{outer}}}."
    event_renamed(kind, at)
        "The handler of `{kind}` gives fields other names for the page ({at}): what comes through Charla has [plain]'s. Give both the same names."
        "El método de `{kind}` da otros nombres a los campos para la página ({at}): lo que pasa por Charla lleva los de [plain]. Dales los mismos nombres."
    event_unclear(kind, at)
        "What the handler of `{kind}` sends to the page could not be told ({at})."
        "No se pudo saber qué envía a la página el método de `{kind}` ({at})."

    store_sqlite()
        "Charla's own chats and numbers: SQLite in this folder, for one node."
        "Los chats y números propios de Charla: SQLite en esta carpeta, para un nodo."
    store_postgres()
        "Or PostgreSQL, for several nodes; a database of its own beside Django's, or Django's own where [history] is wanted:"
        "O PostgreSQL, para varios nodos; una base propia junto a la de Django, o la de Django misma si quieres [history]:"
    plain_unknown()
        "What clients send could not be told from the consumers: which JSON key has the words? [plain] text_field names it."
        "No se pudo saber por los consumers qué envían los clientes: ¿qué clave JSON lleva el texto? [plain] text_field la nombra."
    plain_read(keys, at) "The consumer reads {keys}, {at}" "El consumer lee {keys}, {at}"
    plain_two_names(sent, heard)
        "Pages send the words as `{sent}` and get them as `{heard}`: Charla uses one name both ways."
        "Las páginas envían el texto como `{sent}` y lo reciben como `{heard}`: Charla usa un mismo nombre en ambos sentidos."
    author_unknown()
        "Which key names the author was not found."
        "No se encontró qué clave nombra al autor."

    row_settings() "settings" "settings"
    row_routes() "WebSocket paths" "rutas WebSocket"
    row_consumers() "consumers" "consumers"
    row_launch() "started by" "se inicia con"
    row_tenants() "tenants" "tenants"
    row_origins() "origins" "orígenes"
    row_tokens() "tokens" "tokens"
    row_blacklist() "blacklist" "lista negra"
    row_sessions() "sessions" "sesiones"
    row_database() "database" "base de datos"
    row_authority() "who may enter" "quién puede entrar"
    row_history() "their messages" "sus mensajes"
    row_layer() "channel layer" "capa de canales"
    row_groups() "groups" "grupos"
    row_events() "events" "eventos"
    row_plain() "fields of a page" "campos de la página"
    state_found() "read" "leído"
    state_open() "open" "abierto"
    state_absent() "none" "no hay"

    no_project(folder)
        "{folder}: no Django project. Looked for: manage.py, asgi.py or wsgi.py that name DJANGO_SETTINGS_MODULE, settings.py, settings/production.py and settings/__init__.py, in the folder, one below and up to three above it. --settings names a module."
        "{folder}: no hay un proyecto Django. Se buscó: manage.py, asgi.py o wsgi.py que nombren DJANGO_SETTINGS_MODULE, settings.py, settings/production.py y settings/__init__.py, en la carpeta, una más abajo y hasta tres más arriba. --settings nombra un módulo."
    no_folder(folder) "{folder}: there is no such folder" "{folder}: no existe esa carpeta"
    not_readable(file, error) "{file} cannot be read: {error}" "no se puede leer {file}: {error}"
    is_there(files)
        "already there: {files}; --force writes over them, --out writes elsewhere"
        "ya existen: {files}; --force los sobrescribe, --out escribe en otro lugar"
    not_written(file, error) "{file} cannot be written: {error}" "no se puede escribir {file}: {error}"
    written(folder, files) "written to {folder}: {files}" "escrito en {folder}: {files}"
    check_good() "The settings load: no key is unknown, no value refused." "La configuración carga: ninguna clave desconocida, ningún valor rechazado."
    check_bad(count) "{count} mistake(s) in what was written; correct the lines above" "{count} error(es) en lo escrito; corrige las líneas de arriba"
    questions(count)
        "{count} things could not be told: look for `# ?` in charla.toml."
        "{count} cosas no se pudieron saber: busca `# ?` en charla.toml."
    no_questions() "Nothing was left open." "No quedó nada abierto."
    next() "Next" "Lo siguiente"
    next_read() "1. read charla.toml and CUTOVER.md" "1. lee charla.toml y CUTOVER.md"
    next_check(folder) "2. charla config check --config {folder}/charla.toml" "2. charla config check --config {folder}/charla.toml"
    next_doctor(command) "3. {command}" "3. {command}"
    no_channels()
        "This project does not use Channels: no route, consumer or layer was found. Tokens and database were read all the same."
        "Este proyecto no usa Channels: no se encontró ruta, consumer ni capa. Los tokens y la base de datos se leyeron igualmente."
    bare_consumer(name, at)
        "{name} ({at}) is a function, not a consumer class: nothing of it was read. Its path stays with the application."
        "{name} ({at}) es una función, no una clase consumer: no se leyó nada de ella. Su ruta sigue en la aplicación."
    route_unclear(pattern, at)
        "`{pattern}` ({at}) says more than names between texts: write its location by hand."
        "`{pattern}` ({at}) dice más que nombres entre textos: escribe su location a mano."
    route_stays(pattern, at)
        "{pattern} ({at}) names no chat: it stays with the application."
        "{pattern} ({at}) no nombra un chat: sigue en la aplicación."
    map_head()
        "Who serves which path. To move one: charla; to go back: channels; then nginx -t && systemctl reload nginx."
        "Quién sirve cada ruta. Para mudar una: charla; para volver: channels; luego nginx -t && systemctl reload nginx."
    server_head()
        "Within the server {{ }} that people reach: include /etc/nginx/snippets/nginx-locations.conf;"
        "Dentro del server {{ }} al que llega la gente: include /etc/nginx/snippets/nginx-locations.conf;"
    rewritten() "Charla knows it under /ws/chat/." "Charla la conoce como /ws/chat/."
}
