//! Which tables the packet filter has (`linux/netfilter/nf_tables.h`): asked of the kernel itself, since running nft for it would
//! make every start wait.

use std::io;

use rustix::net::netlink::NETFILTER;

use super::netlink::{Message, Socket};

/// `NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE`.
const GET_TABLE: u16 = 10 << 8 | 1;
/// `NFPROTO_INET`.
const INET: u8 = 1;
const NFTA_TABLE_NAME: u16 = 1;

/// Whether somebody has removed a table of the family inet, in our network namespace. Where the kernel does not say, it is
/// there.
pub fn is_gone(name: &str) -> bool {
    let ask = || -> io::Result<()> {
        let message = Message::new(GET_TABLE, 0, &[INET, 0, 0, 0]).with_text(NFTA_TABLE_NAME, name);
        Socket::open_for(Some(NETFILTER))?.get(message, |_| ())
    };
    ask().is_err_and(|err| err.raw_os_error() == Some(libc::ENOENT))
}
