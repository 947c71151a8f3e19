//! How many bytes somebody may bring before showing a grant: a stream that takes so many and no
//! more, until it is released. A WebSocket's own bound on messages is for those inside, whose
//! offers are long, and cannot be changed while it is open.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream whose reading fails beyond a number of bytes.
#[derive(Debug)]
pub(super) struct Rationed<S> {
    stream: S,
    /// None: as many as come.
    left: Option<usize>,
}

impl<S> Rationed<S> {
    pub(super) fn new(stream: S, bytes: usize) -> Self {
        Rationed {
            stream,
            left: Some(bytes),
        }
    }

    /// From here on there is no ration.
    pub(super) fn release(&mut self) {
        self.left = None;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rationed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let Some(left) = &mut self.left else {
            return Poll::Ready(Ok(()));
        };
        match left.checked_sub(buffer.filled().len() - before) {
            Some(less) => *left = less,
            None => {
                *left = 0;
                buffer.set_filled(before);
                return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rationed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn a_stream_gives_its_ration_and_no_more_until_it_is_released() {
        let (mut far, near) = tokio::io::duplex(64);
        let mut near = Rationed::new(near, 10);
        far.write_all(&[1; 10]).await.expect("room");
        near.read_exact(&mut [0; 10]).await.expect("the ration");
        for _ in 0..2 {
            far.write_all(&[2; 3]).await.expect("room");
            let refused = near.read(&mut [0; 8]).await.expect_err("one too many");
            assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
        }
        near.release();
        far.write_all(&[3; 20]).await.expect("room");
        let mut bytes = [0; 20];
        near.read_exact(&mut bytes).await.expect("released");
        assert_eq!(bytes, [3; 20]);
        near.write_all(&[4; 5]).await.expect("room");
        far.read_exact(&mut [0; 5]).await.expect("written through");
    }
}
