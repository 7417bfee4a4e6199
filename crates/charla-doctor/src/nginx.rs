//! nginx' configuration: reads it as nginx does, and says which server and location really serve a path.
//!
//! Nothing here touches a file: callers hand over [`Files`], or what `nginx -T` printed. Rules are those of nginx'
//! documentation (`ngx_http_core_module`: `listen`, `server_name`, `location`; `ngx_http_rewrite_module`;
//! `ngx_http_proxy_module`) and, where that is silent, of what nginx 1.22 does. What cannot be known from outside (an
//! `if` on a header that is not known, a regular expression that only PCRE understands) is taken as "does not match"
//! and said in [`NginxLocation::assumed`](crate::evidence::NginxLocation::assumed).

mod effective;
mod files;
mod lexer;
mod locations;
mod logging;
mod pattern;
mod proxying;
mod servers;
mod tree;
mod values;
mod walk;

pub use effective::{Defaults, Request, seen};
pub use files::{Dump, Files, matches_glob};
pub use tree::{Config, Node};
