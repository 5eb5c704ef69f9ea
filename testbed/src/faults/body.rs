use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame};

use super::nemesis::Nemesis;

/// What a body may fail with.
pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;
/// The pieces of a body.
pub(super) type Pieces = BoxStream<'static, Result<Bytes, Failure>>;
/// The body of an answer. Its length is not known to hyper, which so believes the header, be it true or not.
pub(super) type Body = UnsyncBoxBody<Bytes, Failure>;

/// Bytes of a slow body between two pauses.
const SLOW_PIECE: usize = 16;
/// Time for what was said last to reach the wire before the connection is closed.
const LAST_WORDS: Duration = Duration::from_millis(20);

/// A body of these pieces.
pub(super) fn of(pieces: Pieces) -> Body {
    StreamBody::new(pieces.map_ok(Frame::data)).boxed_unsync()
}

/// All at once.
pub(super) fn whole(bytes: Bytes) -> Pieces {
    stream::iter([Ok(bytes)]).boxed()
}

/// The pieces of a watch: each, and also the end, waits for as long as watches are held.
pub(super) fn held(pieces: Pieces, nemesis: &Nemesis) -> Pieces {
    let state = (pieces, nemesis.clone(), nemesis.open_watch());
    stream::unfold(state, |(mut pieces, nemesis, open)| async move {
        let piece = pieces.next().await;
        nemesis.let_through().await;
        Some((piece?, (pieces, nemesis, open)))
    })
    .boxed()
}

/// The same bytes with a pause before every few of them.
pub(super) fn slow(pieces: Pieces, pause: Duration) -> Pieces {
    pieces
        .flat_map(|piece| stream::iter(split(piece)))
        .then(move |piece| async move {
            tokio::time::sleep(pause).await;
            piece
        })
        .boxed()
}

fn split(piece: Result<Bytes, Failure>) -> Vec<Result<Bytes, Failure>> {
    match piece {
        Ok(bytes) => bytes.chunks(SLOW_PIECE).map(|small| Ok(bytes.slice_ref(small))).collect(),
        Err(failure) => vec![Err(failure)],
    }
}

/// Half of the first piece; then the connection ends.
pub(super) fn cut(pieces: Pieces) -> Pieces {
    let half = pieces.take(1).map_ok(|piece| piece.slice(..piece.len() / 2));
    let end = stream::once(async {
        tokio::time::sleep(LAST_WORDS).await;
        Err("cut".into())
    });
    half.chain(end).boxed()
}
