//! What `charla doctor` and `charla explain` say around the report.

use super::*;

words! {
    address_or_bundle()
        "name the address that does not work, or a bundle of `charla doctor collect`: charla doctor 'ws://host/ws/chat/5/?token=...'"
        "indica la dirección que no funciona, o un paquete de `charla doctor collect`: charla doctor 'ws://host/ws/chat/5/?token=...'"
    cannot_read(file, why) "{file}: {why}" "{file}: {why}"
    collected(file, bytes)
        "{file}: {bytes} bytes of evidence; tokens, passwords and cookies are struck out. Read it before you send it."
        "{file}: {bytes} bytes de pruebas; los tokens, contraseñas y cookies están tachados. Léelo antes de enviarlo."
    judge_elsewhere(file) "elsewhere: charla doctor {file}" "en otro sitio: charla doctor {file}"
    reading(bar, percent, megabytes) "{bar} {percent} % of {megabytes} MiB" "{bar} {percent} % de {megabytes} MiB"
    still(time, what) "{time}  still {what}" "{time}  sigue: {what}"
    changed(time) "{time}  changed:" "{time}  cambió:"
    healthy() "healthy" "sano"
    unknown() "unknown" "desconocido"
    may_be() "It can stand for" "Puede deberse a"
    run_next() "Run next" "Ejecuta ahora"
}
