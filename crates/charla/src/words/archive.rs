//! What `charla export` and `charla import` say.

use std::fmt::Display;

use charla_server::store::archive::lines::FileError;
use charla_wire::Lang;

words! {
    exporting(rows) "{rows} records" "{rows} registros"
    checking(percent) "checking the file: {percent} %" "comprobando el archivo: {percent} %"
    importing(percent) "importing: {percent} %" "importando: {percent} %"
    verifying(messages, of) "checking the store: {messages} of {of} messages" "comprobando el almacén: {messages} de {of} mensajes"
    exported(file, users, chats, messages)
        "{file}: {users} users, {chats} chats, {messages} messages"
        "{file}: {users} usuarios, {chats} chats, {messages} mensajes"
    imported(users, chats, messages, new)
        "{users} users, {chats} chats, {messages} messages are in the store ({new} records new); counts and hashes agree"
        "{users} usuarios, {chats} chats, {messages} mensajes están en el almacén ({new} registros nuevos); cuentas y hashes coinciden"
    not_written(file, error) "{file} cannot be written: {error}" "no se puede escribir {file}: {error}"
    bad_file(file, why) "{file}: {why}" "{file}: {why}"
    interrupted(error)
        "{error}\nStart the same import again: it goes on where it was."
        "{error}\nRepite la misma importación: sigue donde estaba."
    differs(file, line, what)
        "{file}, line {line}: the store has this with other content ({what}); import into a store of its own"
        "{file}, línea {line}: el almacén lo tiene con otro contenido ({what}); importa en un almacén propio"
    unequal(chat, tenant)
        "chat {chat} of tenant {tenant}: the store does not have the messages of the file; is a server running on it?"
        "chat {chat} del tenant {tenant}: el almacén no tiene los mensajes del archivo; ¿hay un servidor usándolo?"
}

/// What is wrong with a file.
pub(crate) fn file_error(lang: Lang, error: &FileError) -> String {
    match (lang, error) {
        (Lang::En, _) => error.to_string(),
        (Lang::Es, FileError::Io(error)) => error.to_string(),
        (Lang::Es, FileError::Foreign) => "no es una exportación de charla".into(),
        (Lang::Es, FileError::Newer(format)) => {
            format!("tiene el formato {format}, que este charla no conoce")
        }
        (Lang::Es, FileError::Line { line, what }) => format!("línea {line}: dañada: {what}"),
        (Lang::Es, FileError::Cut(line)) => format!("está cortado después de la línea {line}"),
    }
}
