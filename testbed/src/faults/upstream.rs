/// What a proxy stands before.
#[derive(Clone, Debug)]
pub enum Upstream {
    /// An API server.
    Kubernetes {
        /// Its address, as `https://127.0.0.1:1234`.
        url: String,
        /// The only CA that is trusted for it.
        ca_pem: String,
    },
    /// Kore, or its simulator.
    Kore {
        /// Its address, as `http://127.0.0.1:1234`.
        url: String,
    },
}
