// Stands in a page from its first moment, over reloads as well, and writes down what a person
// there would see: when each picture moved, who is shown, and what is said of connections.

import type { Page } from 'playwright-core';

/** What stands on the page, written down whenever it changes. */
export interface View {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The word about one's own connection. */
  readonly banner: string | null;
  readonly tiles: readonly {
    readonly participant: string;
    readonly self: boolean;
    readonly muted: boolean;
    /** The word on the tile. */
    readonly interruption: string | null;
    readonly picture: boolean;
  }[];
}

interface Book {
  /** When each remote picture brought a new frame, by participant. */
  frames: Record<string, number[]>;
  views: View[];
  peers: RTCPeerConnection[];
}

declare global {
  interface Window {
    __book?: Book;
  }
}

/** Puts a witness into every document that the page will load. */
export async function placeWitness(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const book: Book = { frames: {}, views: [], peers: [] };
    window.__book = book;
    const Peer = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Peer {
      constructor(configuration?: RTCConfiguration) {
        super(configuration);
        book.peers.push(this);
      }
    };
    const followed = new WeakSet<HTMLVideoElement>();
    const follow = (video: HTMLVideoElement) => {
      followed.add(video);
      const seen = (now: number) => {
        const { participant, source } = video.dataset;
        if (participant !== undefined && source === 'camera') {
          (book.frames[participant] ??= []).push(performance.timeOrigin + now);
        }
        video.requestVideoFrameCallback(seen);
      };
      video.requestVideoFrameCallback(seen);
    };
    let before = '';
    const look = () => {
      for (const video of document.querySelectorAll<HTMLVideoElement>('video[data-self="false"]')) {
        if (!followed.has(video)) follow(video);
      }
      const text = (node: ParentNode, name: string) =>
        node.querySelector(`[data-testid="${name}"]`)?.textContent ?? null;
      const tiles = [...document.querySelectorAll<HTMLElement>('[data-testid="tile"]')].map((tile) => ({
        participant: tile.dataset['participant'] ?? '',
        self: tile.dataset['self'] === 'true',
        muted: tile.dataset['muted'] === 'true',
        interruption: text(tile, 'interrupted'),
        picture: tile.querySelector('video') !== null,
      }));
      const view = { banner: text(document, 'connection-banner'), tiles };
      const now = JSON.stringify(view);
      if (now !== before) book.views.push({ at: Date.now(), ...view });
      before = now;
    };
    setInterval(look, 50);
  });
}

/** What was written down since `sinceMs`, and what stood there then. */
export async function testimony(page: Page, sinceMs: number): Promise<{ frames: Record<string, number[]>; views: View[] }> {
  const { frames, views } = await page.evaluate(() => {
    const book = window.__book;
    return { frames: book?.frames ?? {}, views: book?.views ?? [] };
  });
  const earlier = views.filter(({ at }) => at < sinceMs).at(-1);
  return {
    frames: Object.fromEntries(
      Object.entries(frames).map(([participant, times]) => [participant, times.filter((at) => at >= sinceMs)]),
    ),
    views: [...(earlier === undefined ? [] : [earlier]), ...views.filter(({ at }) => at >= sinceMs)],
  };
}

/** The longest time without a new frame between two moments. */
export function longestGapMs(times: readonly number[], fromMs: number, toMs: number): number {
  const within = times.filter((at) => at > fromMs && at < toMs);
  const marks = [fromMs, ...within, toMs];
  return Math.max(...marks.slice(1).map((at, index) => at - (marks[index] ?? at)));
}

/** Counters of a page's newest connection, summed as the figures need them. */
export interface Counters {
  readonly samples: number;
  readonly concealed: number;
  /** Time for which pictures stood still, summed over pictures, and how many pictures move. */
  readonly freezesMs: number;
  readonly pictures: number;
  /** Requests for keyframes of what this page publishes, by layer. */
  readonly keyframeRequests: Record<string, number>;
  readonly sent: number;
  readonly retransmitted: number;
  readonly nacks: number;
  readonly lost: number;
  readonly received: number;
}

/** Reads the counters of the page's connection. Only streams that bring packets count. */
export async function counters(page: Page): Promise<Counters> {
  return page.evaluate(async () => {
    const peer = window.__book?.peers.at(-1);
    if (peer === undefined) throw new Error('this page has no connection');
    const sum = {
      samples: 0, concealed: 0, freezesMs: 0, pictures: 0, sent: 0, retransmitted: 0, nacks: 0, lost: 0, received: 0,
      keyframeRequests: {} as Record<string, number>,
    };
    const report = await peer.getStats();
    report.forEach((entry: Record<string, number> & { type: string; kind: string; rid?: string }) => {
      const count = (name: string) => entry[name] ?? 0;
      if (entry.type === 'inbound-rtp' && count('packetsReceived') > 0) {
        sum.received += count('packetsReceived');
        sum.lost += count('packetsLost');
        if (entry.kind === 'audio') {
          sum.samples += count('totalSamplesReceived');
          sum.concealed += count('concealedSamples') - count('silentConcealedSamples');
        } else {
          sum.pictures += 1;
          sum.freezesMs += count('totalFreezesDuration') * 1000;
        }
      } else if (entry.type === 'outbound-rtp') {
        sum.sent += count('packetsSent');
        sum.retransmitted += count('retransmittedPacketsSent');
        sum.nacks += count('nackCount');
        if (entry.kind === 'video' && count('packetsSent') > 0) {
          const layer = entry.rid ?? String(entry['ssrc']);
          sum.keyframeRequests[layer] = count('pliCount') + count('firCount');
        }
      }
    });
    return sum;
  });
}
