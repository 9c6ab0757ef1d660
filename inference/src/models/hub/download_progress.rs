//! Progress of a download.

/// Receiver of download progress. `start` is called again for a file whose
/// download restarts.
pub trait DownloadProgress {
    /// The download of a file starts; `total` is its size in bytes, if known.
    fn start(&self, file: &str, total: Option<u64>);
    /// Another `bytes` bytes have arrived; those of an earlier, interrupted
    /// attempt are reported first.
    fn advance(&self, bytes: u64);
    /// The file is complete, or its download has failed.
    fn finish(&self);
    /// Whether to stop; called often. The received part is kept.
    fn cancelled(&self) -> bool {
        false
    }
}
