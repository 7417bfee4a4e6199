//! What `charla storm` says.

use std::fmt::Display;

use charla_wire::Lang;

words! {
    scene_crash(clients, down, rate)
        "{clients} clients lose their server at the same moment. It is gone without a word for {down} s; back, it accepts {rate} handshakes a second."
        "{clients} clientes pierden su servidor en el mismo momento. Desaparece sin aviso durante {down} s; al volver acepta {rate} conexiones por segundo."
    scene_announced(clients, down, rate)
        "{clients} clients lose their server at the same moment. It told Charla's when to come back and is gone for {down} s; back, it accepts {rate} handshakes a second."
        "{clients} clientes pierden su servidor en el mismo momento. A los de Charla les dijo cuándo volver y está fuera {down} s; al volver acepta {rate} conexiones por segundo."
    at_best(seconds)
        "Nobody could have all of them back before {seconds} s."
        "Nadie podría tenerlos a todos de vuelta antes de {seconds} s."
    column_policy() "policy" "política"
    column_attempts() "attempts" "intentos"
    column_each() "each" "cada uno"
    column_most() "most" "máx."
    column_peak() "peak/s" "pico/s"
    column_tokens() "tokens" "tokens"
    column_back(share) "{share} % back" "vuelve {share} %"
    column_all() "all back" "todos"
    column_gave_up() "gave up" "desisten"
    column_trying() "still trying" "siguen"
    never() "never" "nunca"
    over_time(seconds, times)
        "Requests a second, from the loss to {seconds} s after it; each step up is {times} times as many"
        "Peticiones por segundo, desde la pérdida hasta {seconds} s después; cada escalón son {times} veces más"
    meaning() "What it means" "Qué significa"
    charla_asks(each, most)
        "Charla's clients tried {each} times on average and {most} times at most; after 15 each of them stops, so that a server that never comes back is left in peace."
        "Los clientes de Charla lo intentaron {each} veces en promedio y {most} como máximo; tras 15 cada uno se detiene, así que un servidor que no vuelve queda en paz."
    charla_at_once(each)
        "Charla's clients tried {each} times on average: they come when they were told to, so almost nobody is refused."
        "Los clientes de Charla lo intentaron {each} veces en promedio: llegan cuando se les dijo, así que casi nadie es rechazado."
    fewer_attempts(times, title)
        "{title}: {times} times as many attempts."
        "{title}: {times} veces tantos intentos."
    gave_up(title, count, share)
        "{title}: {count} clients ({share} %) spent their 15 attempts before it was their turn. They say so, and come back by a click, a reload, when their page is online or seen again, or by themselves where dormantProbeMs is set."
        "{title}: {count} clientes ({share} %) gastaron sus 15 intentos antes de que les tocara. Lo dicen, y vuelven con un clic, al recargar, cuando su página vuelve a tener red o a verse, o por sí mismos si dormantProbeMs está puesto."
    still_trying(title, watched)
        "{title}: not everybody was back {watched} later; each of the rest goes on until its 15 attempts are spent."
        "{title}: {watched} después no habían vuelto todos; cada uno de los demás sigue hasta gastar sus 15 intentos."
    drowned(titles, watched)
        "{titles}: after {watched} they were still at it. They ask faster than the server can even refuse, so that no time is left to accept anybody, and none of them ever stops."
        "{titles}: {watched} después seguían. Preguntan más rápido de lo que el servidor puede siquiera rechazar, así que no queda tiempo para aceptar a nadie, y ninguno se detiene."
    lagging(titles, watched)
        "{titles}: not everybody was back {watched} later, and none of the rest ever stops."
        "{titles}: {watched} después no habían vuelto todos, y del resto ninguno se detiene."
    worst_peak(title, peak, times)
        "The highest wave is that of {title}: {peak} requests in one second, {times} times what the server accepts."
        "La ola más alta es la de {title}: {peak} peticiones en un segundo, {times} veces lo que el servidor acepta."
    assumptions()
        "Virtual time, the same seed, the same storm; `charla storm --help` says what is assumed."
        "Tiempo virtual; con la misma semilla, la misma tormenta. `charla storm --help` dice lo que se supone."
    plotted(file) "drawn in {file}" "dibujado en {file}"
    only_svg(file)
        "{file}: the plot is an SVG; name it *.svg (a browser opens it, `rsvg-convert` makes a PNG of it)"
        "{file}: el gráfico es un SVG; nómbralo *.svg (un navegador lo abre, `rsvg-convert` lo convierte en PNG)"
    plot_title(clients, down, rate)
        "{clients} clients without a server for {down} s, then {rate} handshakes a second"
        "{clients} clientes sin servidor durante {down} s, después {rate} conexiones por segundo"
    plot_title_announced(clients, down, rate)
        "{clients} clients told to come back, {down} s without a server, then {rate} handshakes a second"
        "{clients} clientes avisados, {down} s sin servidor, después {rate} conexiones por segundo"
    plot_requests() "requests a second, in powers of ten" "peticiones por segundo, en potencias de diez"
    plot_tries(each, most) "{each} attempts each, {most} at most" "{each} intentos cada uno, máximo {most}"
    plot_back() "clients back" "clientes de vuelta"
    plot_seconds() "seconds after the loss" "segundos desde la pérdida"
    plot_down() "server down" "servidor caído"
    plot_accepts(rate) "accepts {rate}/s" "acepta {rate}/s"
    plot_all_back(seconds) "all back at {seconds} s" "todos a los {seconds} s"
    plot_share_back(share) "{share} % back" "{share} % de vuelta"
}
