//! Every sentence that the command line prints, in both languages side by side.
//!
//! Causes have their own table; mistakes in the settings are told by the settings.

use std::fmt::Display;

use charla_wire::Lang;

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

words! {
    error_mark() "error:" "error:"
    cannot_write(error) "cannot write: {error}" "no se puede escribir: {error}"
    fix() "Fix" "Arreglo"
    check() "Check" "Comprobación"
    code_and_retry(code, status, retry)
        "close code {code} · HTTP status {status} · clients: {retry}"
        "código de cierre {code} · estado HTTP {status} · clientes: {retry}"
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
    bad_chat(chat, why) "`{chat}` is no chat id: {why}" "`{chat}` no es un id de chat: {why}"
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
    doctor_hint(address) "look closer: charla doctor '{address}'" "para ver más: charla doctor '{address}'"
    not_sent(cause, detail) "not done: {cause}: {detail}" "no se hizo: {cause}: {detail}"
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

    doctor_fine(address, user)
        "{address}: every gate is open for {user}"
        "{address}: todas las puertas están abiertas para {user}"
    doctor_not_charla(address, status)
        "{address} answered {status}, and not like a Charla server: no preflight there"
        "{address} respondió {status}, y no como un servidor Charla: ahí no hay preflight"
    doctor_named(address) "{address}: the server names the cause" "{address}: el servidor dice la causa"
    doctor_path(address) "{address}: what was found on the way" "{address}: lo que se encontró en el camino"

    man_written(count, folder) "{count} pages in {folder}" "{count} páginas en {folder}"
}
