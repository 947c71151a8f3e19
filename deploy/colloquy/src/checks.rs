//! Decides whether this machine can run the server, each question with an answer in plain words.
//!
//! `serve` asks before it starts and `doctor` asks all at once, so both say the same.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::settings::Settings;

/// Open files below which a full house would run out: a socket for each signalling connection,
/// a file for each tape.
const WANTED_OPEN_FILES: u64 = 4_096;

/// Whether HTTP can be served at an address. Answers the listener, so that the port stays ours.
pub(crate) fn bind_http(listen: SocketAddr) -> Result<TcpListener, String> {
    let listener = TcpListener::bind(listen).map_err(|fault| match fault.kind() {
        ErrorKind::AddrInUse => format!(
            "address {listen} is in use by another program; stop it, or set http.listen or --listen"
        ),
        ErrorKind::PermissionDenied => format!(
            "address {listen} needs rights that this user does not have; ports from 1024 up need none"
        ),
        _ => format!("cannot listen on {listen}: {fault}; set http.listen or --listen"),
    })?;
    listener
        .set_nonblocking(true)
        .map_err(|fault| format!("cannot listen on {listen}: {fault}"))?;
    Ok(listener)
}

/// Whether these UDP ports are free. Port 0 always is.
pub(crate) fn udp_ports_free(ip: IpAddr, ports: &[u16], setting: &str) -> Result<(), String> {
    for port in ports {
        UdpSocket::bind((ip, *port)).map_err(|fault| match fault.kind() {
            ErrorKind::AddrInUse => {
                format!("UDP port {port} on {ip} is in use by another program; stop it, or set {setting}")
            }
            _ => format!("cannot open UDP port {port} on {ip}: {fault}; set {setting}"),
        })?;
    }
    Ok(())
}

/// Whether these TCP ports are free. Port 0 always is.
pub(crate) fn tcp_ports_free(ip: IpAddr, ports: &[u16], setting: &str) -> Result<(), String> {
    for port in ports {
        TcpListener::bind((ip, *port)).map_err(|fault| match fault.kind() {
            ErrorKind::AddrInUse => {
                format!("TCP port {port} on {ip} is in use by another program; stop it, or set {setting}")
            }
            _ => format!("cannot open TCP port {port} on {ip}: {fault}; set {setting}"),
        })?;
    }
    Ok(())
}

/// Whether FFmpeg can make a recording's files.
pub(crate) fn codecs() -> Result<(), String> {
    match recorder::compose::codecs_missing().as_slice() {
        [] => Ok(()),
        missing => Err(format!(
            "FFmpeg lacks {}: install Debian's ffmpeg packages (deploy/setup.sh does)",
            missing.join(", ")
        )),
    }
}

/// Whether what the database holds is whole. There is nothing to ask before the first start.
pub(crate) async fn database(settings: &Settings) -> Result<(), String> {
    match api::examine(&settings.database_url()).await {
        Ok(faults) if faults.is_empty() => Ok(()),
        Ok(faults) => Err(faults.join("; ")),
        Err(fault) => Err(fault.to_string()),
    }
}

/// Raises the limit of open files as far as this user may, and says what is still too low.
pub(crate) fn open_files() -> Result<(), String> {
    let unknown = |fault: nix::Error| format!("the limit of open files is unknown: {fault}");
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(unknown)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(unknown)?;
    }
    if hard < WANTED_OPEN_FILES {
        return Err(format!(
            "this user may open {hard} files; {WANTED_OPEN_FILES} carry a full house (ulimit -n)"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_named_with_the_setting() {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let held = bind_http(SocketAddr::new(loopback, 0)).expect("a free port");
        let address = held.local_addr().expect("bound");
        let problem = bind_http(address).expect_err("held");
        assert!(problem.contains("is in use"), "{problem}");
        assert!(problem.contains("http.listen"), "{problem}");

        let held = UdpSocket::bind((loopback, 0)).expect("a free port");
        let port = held.local_addr().expect("bound").port();
        assert!(udp_ports_free(loopback, &[0], "sfu.udp_port").is_ok());
        let problem = udp_ports_free(loopback, &[port], "sfu.udp_port").expect_err("held");
        assert!(problem.contains(&port.to_string()), "{problem}");
        assert!(problem.contains("sfu.udp_port"), "{problem}");
    }
}
