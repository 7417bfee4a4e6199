//! What `INFO all` says, as far as a doctor asks.

use crate::evidence::RedisSeen;

/// Fills in whatever stands in it; Redis, Valkey and KeyDB write it alike.
pub(super) fn read(seen: &mut RedisSeen, info: &str) {
    let mut flushes = 0;
    let mut primary = (None, None);
    for line in info.lines() {
        let Some((name, value)) = line.trim_end().split_once(':') else {
            continue;
        };
        let number = value.parse::<u64>().ok();
        match name {
            "redis_version" if seen.version.is_none() => seen.version = Some(value.to_owned()),
            "valkey_version" => seen.version = Some(format!("valkey {value}")),
            "role" => seen.role = Some(value.to_owned()),
            "uptime_in_seconds" => seen.uptime_s = number,
            "connected_clients" => seen.clients = number,
            "maxclients" => seen.max_clients = number,
            "blocked_clients" => seen.blocked_clients = number,
            "rejected_connections" => seen.rejected = number,
            "used_memory" => seen.memory = number,
            "maxmemory" => seen.max_memory = number,
            "maxmemory_policy" => seen.eviction = Some(value.to_owned()),
            "evicted_keys" => seen.evicted = number,
            "client_output_buffer_limit_disconnections" => seen.output_buffer_cuts = number,
            "loading" => seen.loading = Some(value != "0"),
            "loading_eta_seconds" => seen.loading_eta_s = number,
            "rdb_last_bgsave_status" => seen.last_save_ok = Some(value == "ok"),
            "master_link_status" => seen.master_link = Some(value.to_owned()),
            "master_host" => primary.0 = Some(value.to_owned()),
            "master_port" => primary.1 = Some(value.to_owned()),
            "cmdstat_flushall" | "cmdstat_flushdb" => flushes += calls(value),
            _ => database(seen, name, value),
        }
    }
    if let (Some(host), Some(port)) = primary {
        seen.primary = Some(format!("{host}:{port}"));
    }
    if info.contains("\ncmdstat_") {
        seen.flushes = Some(flushes);
    }
}

/// `db0:keys=5,expires=5,avg_ttl=0`
fn database(seen: &mut RedisSeen, name: &str, value: &str) {
    let Some(index) = name.strip_prefix("db").and_then(|index| index.parse().ok()) else {
        return;
    };
    let keys = value.split(',').find_map(|field| field.strip_prefix("keys="));
    if let Some(keys) = keys.and_then(|keys| keys.parse().ok()) {
        seen.databases.push((index, keys));
    }
}

/// `calls=1,usec=24,...`
fn calls(value: &str) -> u64 {
    let calls = value.split(',').find_map(|field| field.strip_prefix("calls="));
    calls.and_then(|calls| calls.parse().ok()).unwrap_or(0)
}
