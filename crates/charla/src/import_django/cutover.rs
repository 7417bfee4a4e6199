//! `CUTOVER.md`: the steps, how to check each, how to go back. One page, in either language.

use charla_doctor::django::Survey;
use charla_wire::Lang;

use super::around::Moved;
use super::server::port;

/// Files of secrets, and what Django would write into each.
const FROM_SETTINGS: [(&str, &str); 3] = [
    (
        super::application::PASSWORD,
        "settings.DATABASES[\"default\"][\"PASSWORD\"]",
    ),
    (
        super::bridge::KEYS,
        "\"\\n\".join(key if isinstance(key, str) else key.decode() for key in settings.CHANNEL_LAYERS[\"default\"][\"CONFIG\"][\"symmetric_encryption_keys\"])",
    ),
    (
        super::tokens::PUBLIC_KEY,
        "settings.SIMPLE_JWT[\"VERIFYING_KEY\"]",
    ),
];

/// What the page is about.
pub(super) struct Cutover<'c> {
    pub(super) lang: Lang,
    pub(super) survey: &'c Survey,
    pub(super) moved: &'c [Moved],
    pub(super) variables: &'c [(String, String)],
    pub(super) files: &'c [(&'static str, String)],
    pub(super) questions: usize,
    pub(super) doctor: &'c str,
    pub(super) bridged: bool,
}

/// The command that writes a file, where Django has what is in it as one text.
fn written(file: &str) -> Option<String> {
    let (_, python) = FROM_SETTINGS.into_iter().find(|(known, _)| *known == file)?;
    Some(format!(
        "(umask 077; python manage.py shell -c 'from django.conf import settings; open(\"secret\", \"w\").write({python})')\n\
         sudo install -m 0640 -g charla secret {file} && rm secret"
    ))
}

impl Cutover<'_> {
    /// The page.
    pub(super) fn page(&self) -> String {
        match self.lang {
            Lang::En => self.english(),
            Lang::Es => self.spanish(),
        }
    }

    fn paths(&self) -> String {
        let paths: Vec<String> = self.moved.iter().map(|one| format!("`{}`", one.shown)).collect();
        if paths.is_empty() {
            "`/ws/chat/<id>/`".into()
        } else {
            paths.join(", ")
        }
    }

    /// Lines that hand each secret over, run where Django runs.
    fn hand_over(&self) -> String {
        let mut out = String::new();
        if !self.variables.is_empty() {
            let mut lines: Vec<String> = Vec::new();
            for (name, python) in self.variables {
                let line = format!("print(\"{name}='\" + {python} + \"'\")");
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
            out.push_str(&format!(
                "```sh\n(umask 077; python manage.py shell -c \"$(cat <<'EOF'\nfrom django.conf import settings\n{}\nEOF\n)\" | grep -E \"^[A-Z_]+='\" > charla.env)\nsudo install -o root -g root -m 0600 charla.env /etc/charla/charla.env && rm charla.env\n```\n",
                lines.join("\n")
            ));
        }
        for (file, holds) in self.files {
            out.push_str(&format!(
                "- `{file}`: {holds}; `chown root:charla`, `chmod 0640`\n"
            ));
        }
        let commands: Vec<String> = self.files.iter().filter_map(|(file, _)| written(file)).collect();
        if !commands.is_empty() {
            out.push_str(&format!("\n```sh\n{}\n```\n", commands.join("\n")));
        }
        out
    }

    /// The check of the settings, as whoever may read the secrets.
    fn check(&self) -> String {
        let lang = match self.lang {
            Lang::En => "",
            Lang::Es => "--lang es ",
        };
        let check = format!("charla {lang}config check --config /etc/charla/charla.toml");
        if self.variables.is_empty() {
            return format!("sudo {check}");
        }
        format!("sudo sh -c 'set -a; . /etc/charla/charla.env; {check}'")
    }

    fn english(&self) -> String {
        let bridge = if self.bridged {
            "Both hear each other over the channel layer, so that people on either side are in the same chat. Move the rest when you like."
        } else {
            "There is no bridge between the two (`charla.toml` says why): who is on one side does not hear the other. Move all paths of a chat at once."
        };
        let open = if self.questions == 0 {
            String::new()
        } else {
            format!("{} lines begin with `# ?`: fill them in first. ", self.questions)
        };
        format!(
            "# Moving {paths} to Charla, and back\n\n\
             Django, its database, its tokens and the pages stay. Only who answers these paths changes, and one word in nginx changes it back.\n\n\
             ## 1. Settings\n\n{open}Read `charla.toml` from top to bottom: the query under `[authority]` decides who gets in. Then hand the secrets over:\n\n```sh\nsudo useradd --system --home-dir /var/lib/charla --shell /usr/sbin/nologin charla\nsudo install -d -m 0750 -g charla /etc/charla\n```\n\n{hand_over}\n\
             ```sh\nsudo install -m 0640 -g charla charla.toml /etc/charla/charla.toml\n(umask 077; openssl rand -base64 48 | sudo tee /etc/charla/auth-secret > /dev/null)\n```\n\n\
             Check: `{check}` says \"no mistakes\".\n\n\
             ## 2. Charla beside the application\n\n\
             ```sh\nsudo cp charla.service charla.socket /etc/systemd/system/ && sudo systemctl daemon-reload\nsudo systemctl enable --now charla.socket charla.service\n```\n\n\
             Check: `curl -fsS http://127.0.0.1:{port}/readyz` answers 200. Nobody reaches it yet.\n\n\
             ## 3. One path\n\n\
             `nginx.conf` goes to `/etc/nginx/conf.d/charla-http.conf`, `nginx-locations.conf` to `/etc/nginx/snippets/`; include it in the `server {{ }}`, with `access_log /var/log/nginx/charla.access.log charla;`. \
             Leave `channels` in the map at every path but the first. `nginx -t && systemctl reload nginx`. Open sockets stay where they are; new ones go to Charla. {bridge}\n\n\
             Check: open a page and say something; somebody on the other side answers. Then:\n\n```sh\n{doctor}\n```\n\n\
             ## 4. Back\n\n\
             Write `channels` behind the path in the map, reload nginx, and `systemctl reload-or-restart charla.service`: its clients are told to come back and arrive at the application. \
             What was said meanwhile is in Charla's store (`charla export`), and in Django's table where `[history]` is on.\n\n\
             ## 5. When it has held for a week\n\n\
             Stop the consumer's process, take its upstream out of nginx. Django goes on sending with `group_send`.\n",
            paths = self.paths(),
            hand_over = self.hand_over(),
            port = port(self.survey),
            doctor = self.doctor,
            check = self.check(),
        )
    }

    fn spanish(&self) -> String {
        let bridge = if self.bridged {
            "Ambos se oyen por la capa de canales, así que la gente de los dos lados está en el mismo chat. Muda el resto cuando quieras."
        } else {
            "No hay puente entre los dos (`charla.toml` dice por qué): quien está en un lado no oye al otro. Muda todas las rutas de un chat a la vez."
        };
        let open = if self.questions == 0 {
            String::new()
        } else {
            format!(
                "{} líneas empiezan con `# ?`: complétalas antes. ",
                self.questions
            )
        };
        format!(
            "# Mudar {paths} a Charla, y volver\n\n\
             Django, su base de datos, sus tokens y las páginas se quedan. Solo cambia quién responde estas rutas, y una palabra en nginx lo deshace.\n\n\
             ## 1. Configuración\n\n{open}Lee `charla.toml` de arriba abajo: la consulta de `[authority]` decide quién entra. Después entrega los secretos:\n\n```sh\nsudo useradd --system --home-dir /var/lib/charla --shell /usr/sbin/nologin charla\nsudo install -d -m 0750 -g charla /etc/charla\n```\n\n{hand_over}\n\
             ```sh\nsudo install -m 0640 -g charla charla.toml /etc/charla/charla.toml\n(umask 077; openssl rand -base64 48 | sudo tee /etc/charla/auth-secret > /dev/null)\n```\n\n\
             Comprueba: `{check}` dice \"sin errores\".\n\n\
             ## 2. Charla junto a la aplicación\n\n\
             ```sh\nsudo cp charla.service charla.socket /etc/systemd/system/ && sudo systemctl daemon-reload\nsudo systemctl enable --now charla.socket charla.service\n```\n\n\
             Comprueba: `curl -fsS http://127.0.0.1:{port}/readyz` responde 200. Todavía no llega nadie.\n\n\
             ## 3. Una ruta\n\n\
             `nginx.conf` va a `/etc/nginx/conf.d/charla-http.conf`, `nginx-locations.conf` a `/etc/nginx/snippets/`; inclúyelo en el `server {{ }}`, con `access_log /var/log/nginx/charla.access.log charla;`. \
             Deja `channels` en el map en todas las rutas menos la primera. `nginx -t && systemctl reload nginx`. Los sockets abiertos siguen donde están; los nuevos van a Charla. {bridge}\n\n\
             Comprueba: abre una página y di algo; alguien del otro lado responde. Después:\n\n```sh\n{doctor}\n```\n\n\
             ## 4. Volver\n\n\
             Escribe `channels` detrás de la ruta en el map, recarga nginx y haz `systemctl reload-or-restart charla.service`: a sus clientes se les dice que vuelvan, y llegan a la aplicación. \
             Lo dicho mientras tanto está en el almacén de Charla (`charla export`), y en la tabla de Django si `[history]` está activo.\n\n\
             ## 5. Cuando haya aguantado una semana\n\n\
             Detén el proceso del consumer y quita su upstream de nginx. Django sigue enviando con `group_send`.\n",
            paths = self.paths(),
            hand_over = self.hand_over(),
            port = port(self.survey),
            doctor = self.doctor,
            check = self.check(),
        )
    }
}
