//! What `charla backup`, `charla restored`, `charla compact` and the erasure of a user say.

use std::fmt::Display;

use charla_wire::Lang;

words! {
    only_sqlite()
        "the store is a PostgreSQL database: it has pg_dump and VACUUM for this (docs/backup.md)"
        "el almacén es una base de datos PostgreSQL: para esto tiene pg_dump y VACUUM (docs/backup.md)"
    copied(file, messages, chats, bytes)
        "{file}: {messages} messages of {chats} chats, {bytes} bytes, checked"
        "{file}: {messages} mensajes de {chats} chats, {bytes} bytes, comprobado"
    begun_anew()
        "clients that know more than the store are told to begin anew"
        "a los clientes que sepan más que el almacén se les dice que empiecen de nuevo"
    compacted(before, after)
        "{before} bytes before, {after} bytes now"
        "{before} bytes antes, {after} bytes ahora"
    erased(alias, messages)
        "erased; {messages} messages are by {alias} now"
        "borrado; {messages} mensajes son ahora de {alias}"
    erased_by_server() "erased" "borrado"
}
