//! What `charla import-history` says.

use std::fmt::Display;

use charla_server::past::Stop;
use charla_wire::Lang;

words! {
    reading(tenant, rows) "{tenant}: {rows} rows" "{tenant}: {rows} filas"
    done(tenant, new, chats, new_chats, known)
        "{tenant}: {new} messages added, {known} were there already; {chats} chats, {new_chats} of them new"
        "{tenant}: {new} mensajes añadidos, {known} ya estaban; {chats} chats, {new_chats} de ellos nuevos"
    would(tenant, new, chats, new_chats, known)
        "{tenant}: {new} messages would be added, {known} are there already; {chats} chats, {new_chats} of them new"
        "{tenant}: se añadirían {new} mensajes, {known} ya están; {chats} chats, {new_chats} de ellos nuevos"
    stopped(tenant, chats, rows)
        "{tenant}: {chats} chats stopped, {rows} rows were left out"
        "{tenant}: {chats} chats se pararon, {rows} filas quedaron fuera"
    stop(chat, row, why) "  chat {chat}, row {row}: {why}" "  chat {chat}, fila {row}: {why}"
    more(count) "  and {count} more" "  y {count} más"
    no_query()
        "`history.backfill` is not set: it says how the messages of before are read; docs/history.md has one to begin with"
        "falta `history.backfill`: dice cómo se leen los mensajes de antes; docs/history.md tiene una para empezar"
    no_tenant()
        "whose messages are they? Give --tenant, or set server.default_tenant"
        "¿de quién son los mensajes? Da --tenant o define server.default_tenant"
    bad_tenant(id, error) "--tenant {id}: {error}" "--tenant {id}: {error}"
    not_apart()
        "`history.backfill` gives every tenant the same rows: use :tenant in it, or application.schema = \"{{tenant}}\", or name one tenant"
        "`history.backfill` da a todos los tenants las mismas filas: usa :tenant en ella, o application.schema = \"{{tenant}}\", o nombra un tenant"
    behind()
        "the store's tables are older than this program; run charla migrate first"
        "las tablas del almacén son más viejas que este programa; ejecuta antes charla migrate"
    interrupted(tenant, error)
        "{tenant}: {error}\nStart the same import again: it goes on where it was."
        "{tenant}: {error}\nRepite la misma importación: sigue donde estaba."
}

/// Why a chat stopped.
pub(crate) fn why(lang: Lang, stop: &Stop) -> String {
    match (lang, stop) {
        (Lang::En, _) => stop.to_string(),
        (Lang::Es, Stop::Newer { last }) => {
            format!("el chat ya tiene un mensaje de {last}, que es posterior: los números siguen el tiempo")
        }
        (Lang::Es, Stop::Order { before }) => format!(
            "una fila anterior es de {before}, que es posterior: termina la consulta con ORDER BY sent_at, id"
        ),
        (Lang::Es, Stop::Ahead) => "es de un momento que no ha llegado: ¿está la columna en UTC?".into(),
        (Lang::Es, Stop::Column { column, what }) => format!("`{column}`: {}", in_spanish(what)),
    }
}

fn in_spanish(what: &str) -> &str {
    match what {
        "is NULL; coalesce() it to what it stands for" => "es NULL; usa coalesce() con lo que signifique",
        "is no id" => "no es un id",
        "is no time and no number of ms" => "no es un momento ni un número de ms",
        "is empty, and there is no data; leave such rows out with WHERE" => {
            "está vacío y no hay data; deja fuera esas filas con WHERE"
        }
        "has more bytes than limits.text_bytes" => "tiene más bytes que limits.text_bytes",
        "has more bytes than limits.data_bytes" => "tiene más bytes que limits.data_bytes",
        "is no JSON" => "no es JSON",
        other => other,
    }
}
