//! Connections that are encrypted, and whose nodes prove by certificates who they are.

mod session;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig, crypto};

pub(super) use session::{ReadHalf, SetUp, WriteHalf};

/// What a node proves by who it is, and others are to prove: three files, in PEM.
///
/// As with Erlang's `inet_tls_dist`, if both sides are told to verify: each node shows its
/// certificate, which must be of the authority. A node that is dialled must have one for its host,
/// which is what stands behind the `@` in its name: an address, or a name of the DNS. (Erlang takes
/// an address for a name of the DNS here, so the certificate must have both.) A certificate is for
/// both roles, so it must be allowed to be one of a server and of a client. Versions 1.2 and 1.3 of
/// the protocol are spoken.
///
/// ```no_run
/// use procession::net_kernel::{NetKernel, Tls};
///
/// let tls = Tls::pem_files("node.pem", "node.key", "authority.pem");
/// NetKernel::named("rust@10.0.0.7").cookie("secret").tls(tls).start_link()?;
/// # Ok::<(), procession::prelude::StartError>(())
/// ```
///
/// The nodes of Erlang beside it are started by
///
/// ```text
/// erl -proto_dist inet_tls -ssl_dist_optfile options -name beam@10.0.0.8 -setcookie secret
/// ```
///
/// with these options:
///
/// ```text
/// [{server, [{certfile, "node.pem"}, {keyfile, "node.key"}, {cacertfile, "authority.pem"},
///            {verify, verify_peer}, {fail_if_no_peer_cert, true}]},
///  {client, [{certfile, "node.pem"}, {keyfile, "node.key"}, {cacertfile, "authority.pem"},
///            {verify, verify_peer}]}].
/// ```
///
/// OTP: [Using TLS for Erlang distribution](https://www.erlang.org/doc/apps/ssl/ssl_distribution.html).
#[derive(Clone, Debug)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    authority: PathBuf,
}

impl Tls {
    /// The node's certificate, with those between it and the authority's if there are any; its
    /// private key; and the certificate of the authority, or of several.
    ///
    /// They are read when the node is started.
    pub fn pem_files(
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
        authority: impl Into<PathBuf>,
    ) -> Tls {
        let (certificate, key) = (certificate.into(), key.into());
        Tls { certificate, key, authority: authority.into() }
    }

    /// Reads the files, and returns what is made of them, or else what is wrong.
    pub(super) fn load(&self) -> Result<Configs, String> {
        let wrong = |path: &Path, why: &dyn fmt::Display| format!("{}: {why}", path.display());
        let certificates = |path: &Path| {
            let pems = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
            let pems: Vec<_> = pems.map_err(|error| wrong(path, &error))?;
            if pems.is_empty() { Err(wrong(path, &"it has no certificate")) } else { Ok(pems) }
        };
        let mut roots = RootCertStore::empty();
        for root in certificates(&self.authority)? {
            roots.add(root).map_err(|error| wrong(&self.authority, &error))?;
        }
        let roots = Arc::new(roots);
        let chain = certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key);
        let key = key.map_err(|error| wrong(&self.key, &error))?;
        Configs::new(&roots, chain, key).map_err(|error| wrong(&self.certificate, &error))
    }
}

/// What a session is begun with, on either side.
#[derive(Clone)]
pub(super) struct Configs {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl fmt::Debug for Configs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Configs(..)")
    }
}

impl Configs {
    fn new(
        roots: &Arc<RootCertStore>,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Configs, Box<dyn std::error::Error>> {
        let provider = Arc::new(crypto::ring::default_provider());
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(Arc::clone(roots))
            .with_client_auth_cert(chain.clone(), key.clone_key())?;
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(&provider));
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier.build()?)
            .with_single_cert(chain, key)?;
        Ok(Configs { client: Arc::new(client), server: Arc::new(server) })
    }
}
