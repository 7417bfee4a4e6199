//! nginx may not open the application's socket, or there is none at that path.

use charla_wire::Cause;

use crate::checks::{Check, Step, proxied};
use crate::evidence::{Answer, Evidence};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ProxyUpstreamPermission, step: Step::Proxy, judge };

fn judge(evidence: &Evidence) -> Outcome {
    if proxied::opened(evidence) {
        return Outcome::Pass(proxied::went_through());
    }
    let permission = proxied::now(evidence, Sign::NginxPermission);
    if let Some(seen) = permission {
        let unix = seen.quotes.iter().any(|quote| quote.line.contains("unix:"));
        let finding = if unix {
            let sentence = both!("nginx may not open the application's Unix socket (13: Permission denied).", "nginx no puede abrir el socket Unix de la aplicación (13: Permission denied).");
            let socket = socket(evidence).unwrap_or_else(|| "/run/chat/chat.sock".to_owned());
            Finding::certain(sentence, proxied::lines(seen)).fix(format!("namei -l {socket}\nls -l {socket}")).fix(format!("# nginx' user (www-data) needs rw on {socket} and x on every folder above it\nusermod -aG chat www-data && systemctl restart nginx"))
        } else {
            let sentence = both!("The system does not let nginx connect to the application's port (13: Permission denied): SELinux.", "El sistema no deja que nginx conecte con el puerto de la aplicación (13: Permission denied): SELinux.");
            Finding::certain(sentence, proxied::lines(seen)).fix("ausearch -m avc -c nginx --start recent").fix("setsebool -P httpd_can_network_connect 1")
        };
        return Outcome::Fail(finding);
    }
    if let Some(seen) = proxied::now(evidence, Sign::NginxNoSocket) {
        let finding = Finding::likely(both!("There is no Unix socket where nginx looks for the application (2: No such file or directory).", "No hay socket Unix donde nginx busca la aplicación (2: No such file or directory)."), proxied::lines(seen));
        let socket = socket(evidence).unwrap_or_else(|| "/run/chat/chat.sock".to_owned());
        return Outcome::Fail(finding.fix(format!("ss -lxp | grep sock\nls -l {socket}")).fix("# the unit of the application: a folder that exists before it starts\nRuntimeDirectory=chat"));
    }
    if let (Some(socket), Some(Answer::Unreachable(words))) = (socket(evidence), proxied::direct(evidence)) {
        let facts = vec![Fact { what: both!("the socket that nginx sends to", "el socket al que envía nginx"), quote: Some(words.clone()), at: Some(socket.clone()) }];
        return Outcome::Fail(Finding::likely(both!("The application's Unix socket {socket} cannot be opened: {words}.", "No se puede abrir el socket Unix de la aplicación {socket}: {words}."), facts));
    }
    if evidence.nginx.is_some() || (proxied::pasted(evidence) && evidence.logs.attempts.total > 0) {
        return Outcome::Pass(both!("nginx was denied no connection to the application", "a nginx no se le negó ninguna conexión con la aplicación"));
    }
    Outcome::Skip(proxied::unseen())
}

fn socket(evidence: &Evidence) -> Option<String> {
    let (_, location) = proxied::location(evidence)?;
    location.upstreams.iter().find_map(|upstream| upstream.strip_prefix("unix:")).map(str::to_owned)
}
