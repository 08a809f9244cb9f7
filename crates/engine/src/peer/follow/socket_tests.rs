//! What leaves a wrapped socket.

use super::stun::testing::{nominates, request};
use super::*;

const FAR: &str = "the far side's password";

/// A socket that keeps what it is to send.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<Vec<u8>>>);

impl AsyncUdpSocket for Kept {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddr::from(([10, 0, 0, 1], 5000)))
    }

    fn poll_send(&self, _: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        self.0.lock().expect("no panic").push(transmit.contents.to_vec());
        Poll::Ready(Ok(transmit.contents.len()))
    }

    fn poll_recv(
        &self,
        _: &mut Context<'_>,
        _: &mut [IoSliceMut<'_>],
        _: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        Poll::Pending
    }
}

#[test]
fn a_request_is_replaced_alone_and_never_what_goes_with_it() {
    let kept = Arc::new(Kept::default());
    let following = Following::new(|| {});
    following.handle_password(FAR);
    let socket = following.wrap(kept.local_addr().expect("an address"), kept.clone());
    let destination = SocketAddr::from(([192, 0, 2, 1], 40_000));
    let sent = |contents: &[u8], segment_size: Option<usize>| {
        let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip: None };
        let result = socket.poll_send(&mut Context::from_waker(Waker::noop()), &transmit);
        assert!(matches!(result, Poll::Ready(Ok(bytes)) if bytes == contents.len()));
        kept.0.lock().expect("no panic").pop().expect("it was sent")
    };
    // Media selects the pair.
    sent(&[128, 111, 0, 1], None);
    let consent = request(FAR, true);
    assert!(nominates(&sent(&consent, None)));
    assert!(nominates(&sent(&consent, Some(consent.len()))));
    let mut two = consent.clone();
    two.extend(vec![128; consent.len()]);
    assert_eq!(sent(&two, Some(consent.len())), two);
}
