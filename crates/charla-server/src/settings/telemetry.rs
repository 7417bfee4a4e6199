//! `[telemetry]`: where traces go, and how many.

use std::path::PathBuf;

/// `[telemetry]`
#[derive(Debug, Clone)]
pub struct TelemetrySettings {
    /// The collector's address for OTLP over HTTP; `None`: nothing is recorded.
    pub endpoint: Option<String>,
    /// A file with header lines for the collector.
    pub headers_file: Option<PathBuf>,
    /// The share of handshakes without a trace of their own that is recorded, from 0 to 1.
    pub sample_ratio: f64,
    /// How the traces name this service.
    pub service_name: String,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            endpoint: None,
            headers_file: None,
            sample_ratio: 0.01,
            service_name: "charla".into(),
        }
    }
}
