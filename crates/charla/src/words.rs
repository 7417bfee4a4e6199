//! Every sentence that the command line prints, in both languages side by side.
//!
//! Causes have their own table; mistakes in the settings are told by the settings.

use std::fmt::Display;

use charla_wire::Lang;

pub(crate) mod trouble;

use crate::demo::TOKEN_HOURS as DEMO_HOURS;

macro_rules! words {
    ($($name:ident($($argument:ident),*) $en:literal $es:literal)*) => {
        $(
            pub(crate) fn $name(lang: Lang $(, $argument: impl Display)*) -> String {
                match lang {
                    Lang::En => format!($en),
                    Lang::Es => format!($es),
                }
            }
        )*
    };
}

pub(crate) mod archive;
pub(crate) mod backup;
pub(crate) mod doctor;
pub(crate) mod import_django;
pub(crate) mod import_history;
pub(crate) mod storm;

words! {
    error_mark() "error:" "error:"
    cannot_write(error) "cannot write: {error}" "no se puede escribir: {error}"
    fix() "Fix" "Arreglo"
    check() "Check" "Comprobación"
    code_and_retry(code, status, retry)
        "close code {code} · HTTP status {status} · clients: {retry}"
        "código de cierre {code} · estado HTTP {status} · clientes: {retry}"
    retry(retry) "clients: {retry}" "clientes: {retry}"
    retry_refresh() "get a new token" "piden un token nuevo"
    retry_backoff() "try again, slower each time" "lo intentan de nuevo, cada vez más despacio"
    retry_wait() "wait as told" "esperan lo indicado"
    retry_stop() "stop" "se detienen"
    retry_resume() "reconnect at once and resume" "se reconectan enseguida y continúan"
    unknown_cause(id) "there is no cause `{id}`" "no existe la causa `{id}`"
    unknown_cause_near(id, near)
        "there is no cause `{id}`; did you mean `{near}`?"
        "no existe la causa `{id}`; ¿quisiste decir `{near}`?"
    causes_hint() "`charla causes` lists them all" "`charla causes` los muestra todos"

    settings_good(place) "{place}: no mistakes" "{place}: sin errores"
    settings_defaults() "no file: defaults and variables" "sin archivo: valores por defecto y variables"
    settings_bad(count)
        "{count} mistake(s) in the settings; nothing was started"
        "{count} error(es) en la configuración; no se inició nada"
    not_set() "(not set)" "(sin valor)"

    bad_address(address, why) "`{address}` is no address: {why}" "`{address}` no es una dirección: {why}"
    connecting(address) "connecting to {address} ..." "conectando con {address} ..."
    connected(name, tenant, session)
        "connected as {name} (tenant {tenant}, connection {session})"
        "conectado como {name} (tenant {tenant}, conexión {session})"
    connected_plain() "connected (plain dialect)" "conectado (dialecto plano)"
    in_chat(title, chat, online)
        "chat {chat} \"{title}\", here now: {online}"
        "chat {chat} \"{title}\", presentes: {online}"
    nobody() "nobody else" "nadie más"
    not_connected(why) "not connected: {why}" "sin conexión: {why}"
    closed_code(code) "closed with {code}" "cerrado con {code}"
    closed_nameless()
        "the connection broke without a close frame (a browser would say 1006)"
        "la conexión se cortó sin trama de cierre (un navegador diría 1006)"
    closed_normally() "closed" "cerrado"
    lost(why) "connection lost: {why}" "conexión perdida: {why}"
    again_in(seconds, attempt, of, cycle)
        "trying again in {seconds} s (attempt {attempt} of {of}, cycle {cycle})"
        "nuevo intento en {seconds} s (intento {attempt} de {of}, ciclo {cycle})"
    new_token() "getting a new token ..." "solicitando un token nuevo ..."
    gave_up(spent) "gave up after {spent} attempts" "se agotaron los {spent} intentos"
    says_only()
        "in the plain dialect there are only lines to say, /help and /quit"
        "en el dialecto plano solo hay líneas que decir, /help y /quit"
    doctor_hint(address) "look closer: charla doctor '{address}'" "para ver más: charla doctor '{address}'"
    not_done(cause, detail) "not done: {cause}: {detail}" "no se hizo: {cause}: {detail}"
    unanswered(count)
        "{count} message(s) had no answer before the end"
        "{count} mensaje(s) quedaron sin respuesta al terminar"
    help_commands()
        "/history [N]  older messages   /join CHAT  enter a chat   /who  who is here   /typing  show that you type\n/edit SEQ TEXT   /delete SEQ   /read  mark all as read   /quit  leave.   A line that begins with // is sent with one /."
        "/history [N]  mensajes anteriores   /join CHAT  entrar en un chat   /who  quién está   /typing  mostrar que escribes\n/edit SEQ TEXTO   /delete SEQ   /read  marcar como leído   /quit  salir.   Una línea que empieza con // se envía con una /."
    unknown_command(command)
        "there is no {command}; /help lists what there is"
        "no existe {command}; /help muestra lo que hay"
    no_chat_yet() "no chat yet: /join CHAT" "todavía no hay chat: /join CHAT"
    wants(command) "usage: {command}" "uso: {command}"
    came(name) "{name} is here" "{name} está aquí"
    went(name) "{name} left" "{name} se fue"
    types(name) "{name} is typing" "{name} está escribiendo"
    edited(seq, name, text) "#{seq} edited by {name}: {text}" "#{seq} editado por {name}: {text}"
    deleted(seq, name) "#{seq} deleted by {name}" "#{seq} borrado por {name}"
    deleted_text() "(deleted)" "(borrado)"
    chat_was_closed(name) "{name} closed the chat" "{name} cerró el chat"
    chat_was_reopened(name) "{name} reopened the chat" "{name} reabrió el chat"
    notified(kind, text) "note ({kind}): {text}" "aviso ({kind}): {text}"
    inbox_line(chat, title, unread)
        "chat {chat} \"{title}\": {unread} unread"
        "chat {chat} \"{title}\": {unread} sin leer"
    token_runs_out(seconds) "the token runs out in {seconds} s" "el token vence en {seconds} s"
    more_before(seq) "older ones: /history (before #{seq})" "hay anteriores: /history (antes de #{seq})"
    no_more() "that is the beginning" "ese es el comienzo"
    login_refused(detail) "sign-in refused: {detail}" "inicio de sesión rechazado: {detail}"
    needs_password() "--user needs --password or --password-stdin" "--user necesita --password o --password-stdin"

    not_started(why) "the server did not start: {why}" "el servidor no arrancó: {why}"
    demo_title(version) "Charla {version}, demo" "Charla {version}, demostración"
    demo_pages() "Open two of these, in two windows:" "Abre dos de estas, en dos ventanas:"
    demo_agent() "support" "soporte"
    demo_wscat() "From a terminal, what is typed arrives in the page:" "Desde una terminal, lo que escribes llega a la página:"
    demo_doctor() "Why does a connection fail? Ask:" "¿Por qué falla una conexión? Pregunta:"
    demo_console() "The operator's console; its doctor takes this key:" "La consola del operador; su doctor pide esta clave:"
    demo_passwords()
        "Passwords are the names. Tokens last {DEMO_HOURS} h."
        "Las contraseñas son los nombres. Los tokens duran {DEMO_HOURS} h."
    demo_data_gone(folder) "Data in {folder}, removed at the end." "Datos en {folder}, que se borra al terminar."
    demo_data_kept(folder) "Data in {folder}, kept." "Datos en {folder}, que se conserva."
    demo_open()
        "Everybody who reaches this address can sign in: the passwords are known."
        "Cualquiera que llegue a esta dirección puede entrar: las contraseñas son conocidas."
    demo_end() "Ctrl-C ends it." "Ctrl-C lo termina."
    no_store(folder)
        "there is no store in {folder}; `charla tenant add` makes one, --data or --config names another"
        "no hay almacén en {folder}; `charla tenant add` crea uno, --data o --config indican otro"
    store_in_use(folder)
        "While a server runs on {folder}, go through it: the same command with --server http://127.0.0.1:9001 --key KEY. Or stop it first."
        "Mientras un servidor usa {folder}, hazlo a través de él: la misma orden con --server http://127.0.0.1:9001 --key CLAVE. O detenlo antes."
    schema_newest(newest)
        "the tables are up to date (schema {newest})"
        "las tablas están al día (esquema {newest})"
    schema_behind(found, newest)
        "the tables are behind: schema {found} of {newest}; `charla migrate` brings them up to date"
        "las tablas están atrasadas: esquema {found} de {newest}; `charla migrate` las pone al día"
    schema_moved(found, newest)
        "the tables were brought from schema {found} to {newest}"
        "las tablas pasaron del esquema {found} al {newest}"
    wants_key()
        "--server needs --key or CHARLA_KEY: charla key add LABEL makes one on the server's machine"
        "--server necesita --key o CHARLA_KEY: charla key add ETIQUETA crea una en la máquina del servidor"
    only_local()
        "this is done in the store itself, on its machine, without --server"
        "esto se hace en el almacén mismo, en su máquina, sin --server"
    the_server() "the server" "el servidor"
    http_status(place, status) "{place} answered {status}" "{place} respondió {status}"
    token_is_revoked() "the token is refused from now on" "el token se rechaza desde ahora"
    bad_id(kind, id, why) "`{id}` is no {kind} id: {why}" "`{id}` no es un id de {kind}: {why}"
    bad_duration(text)
        "`{text}` is no duration: write it like 30m, 8h or 7d"
        "`{text}` no es una duración: escríbela como 30m, 8h o 7d"
    no_tenant(id) "there is no tenant `{id}`" "no existe el tenant `{id}`"
    no_tenants() "there is no tenant yet: charla tenant add ID" "todavía no hay tenants: charla tenant add ID"
    which_tenant(ids) "which tenant? --tenant, one of: {ids}" "¿qué tenant? --tenant, uno de: {ids}"
    no_user(id, tenant) "tenant {tenant} has no user `{id}`" "el tenant {tenant} no tiene usuario `{id}`"
    no_chat(id, tenant) "tenant {tenant} has no chat `{id}`" "el tenant {tenant} no tiene chat `{id}`"
    no_key(id) "no one key has the id `{id}`" "ninguna clave única tiene el id `{id}`"
    no_jti()
        "the token has no jti, so it cannot be revoked alone: charla user sign-out USER"
        "el token no tiene jti y no se puede revocar solo: charla user sign-out USUARIO"
    none_yet() "(none)" "(ninguno)"
    tenant_added(id) "tenant {id} added" "tenant {id} creado"
    tenant_kept(id) "tenant {id} is there" "el tenant {id} ya existe"
    user_added(id, tenant) "user {id} added to {tenant}" "usuario {id} creado en {tenant}"
    user_changed(id, tenant) "user {id} of {tenant} is up to date" "usuario {id} de {tenant} actualizado"
    user_blocked(id) "user {id} is blocked" "usuario {id} bloqueado"
    user_unblocked(id) "user {id} may enter" "usuario {id} puede entrar"
    user_removed(id) "user {id} is refused for good" "usuario {id} rechazado para siempre"
    user_signed_out(id) "all tokens of {id} are refused" "todos los tokens de {id} se rechazan"
    password_changed(id)
        "{id} has a new password; all earlier tokens are refused"
        "{id} tiene una contraseña nueva; los tokens anteriores se rechazan"
    wants_password() "give --password or --password-stdin" "da --password o --password-stdin"
    chat_added(id, tenant) "chat {id} added to {tenant}" "chat {id} creado en {tenant}"
    chat_kept(id, tenant) "chat {id} of {tenant} is up to date" "chat {id} de {tenant} actualizado"
    chat_closed(id) "chat {id} is closed" "chat {id} cerrado"
    chat_closed_before(id) "chat {id} was closed before" "el chat {id} ya estaba cerrado"
    chat_reopened(id) "chat {id} is open" "chat {id} abierto"
    chat_open_before(id) "chat {id} was open before" "el chat {id} ya estaba abierto"
    member_added(user, chat) "{user} is a member of {chat}" "{user} es miembro de {chat}"
    member_before(user, chat) "{user} was a member of {chat} before" "{user} ya era miembro de {chat}"
    member_removed(user, chat) "{user} is no member of {chat} any more" "{user} ya no es miembro de {chat}"
    member_never(user, chat) "{user} was no member of {chat}" "{user} no era miembro de {chat}"
    key_added(id)
        "key {id}; it is shown this once, keep it where your back end keeps secrets:"
        "clave {id}; se muestra solo esta vez, guárdala donde tu backend guarda secretos:"
    key_revoked(id) "key {id} is refused from now on" "la clave {id} se rechaza desde ahora"
    token_revoked(jti, user) "token {jti} of {user} is refused from now on" "el token {jti} de {user} se rechaza desde ahora"

    man_written(count, folder) "{count} pages in {folder}" "{count} páginas en {folder}"
}

/// The heading of a column, which is named as the field of the record.
pub(crate) fn column(lang: Lang, field: &str) -> String {
    let spanish = match field {
        "name" => "nombre",
        "role" => "rol",
        "state" => "estado",
        "has_password" => "contraseña",
        "created_at" => "creado",
        "title" => "título",
        "customer" => "cliente",
        "unread" => "sin leer",
        "read_seq" => "leído",
        "joined_at" => "desde",
        "key" => "clave",
        "label" => "etiqueta",
        same => same,
    };
    match lang {
        Lang::En => field.replace("_at", "").replace("has_", "").replace("_seq", ""),
        Lang::Es => spanish.to_owned(),
    }
}
