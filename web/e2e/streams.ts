// What a page's newest connection sends of the camera, stream by stream. Needs the witness.

import type { Page } from 'playwright-core';

/** A camera's stream that is being sent. */
export interface Sending {
  /** Simulcast: its name; else empty. */
  readonly rid: string;
  readonly codec: string;
  readonly frames: number;
  /** Of the largest layer in it. */
  readonly height: number;
  readonly scalability: string;
}

/** Watches for a while and answers the camera's streams that sent frames in it, smallest first. */
export async function sending(page: Page, durationMs: number): Promise<Sending[]> {
  return page.evaluate(async (duration) => {
    const peer = window.__book?.peers.at(-1);
    if (peer === undefined) throw new Error('this page has no connection');
    const read = async () => {
      const report = await peer.getStats();
      const found = new Map<string, Sending>();
      report.forEach((entry: Record<string, string | number | undefined>) => {
        if (entry['type'] !== 'outbound-rtp' || entry['kind'] !== 'video') return;
        const codec = report.get(String(entry['codecId'])) as { mimeType?: string } | undefined;
        found.set(String(entry['id']), {
          rid: String(entry['rid'] ?? ''),
          codec: codec?.mimeType?.toLowerCase().replace('video/', '') ?? '',
          frames: Number(entry['framesSent'] ?? 0),
          height: Number(entry['frameHeight'] ?? 0),
          scalability: String(entry['scalabilityMode'] ?? ''),
        });
      });
      return found;
    };
    const before = await read();
    await new Promise((resolve) => setTimeout(resolve, duration));
    const after = await read();
    return [...after]
      .map(([id, now]) => ({ ...now, frames: now.frames - (before.get(id)?.frames ?? 0) }))
      .filter(({ frames }) => frames > 0)
      .sort((a, b) => a.height - b.height);
  }, durationMs);
}

/** Packets of sound that the page sends in a while. */
export async function soundSent(page: Page, durationMs: number): Promise<number> {
  return page.evaluate(async (duration) => {
    const count = async () => {
      let packets = 0;
      const report = await window.__book?.peers.at(-1)?.getStats();
      report?.forEach((entry: Record<string, number> & { type: string; kind: string }) => {
        if (entry.type === 'outbound-rtp' && entry.kind === 'audio') packets += entry['packetsSent'] ?? 0;
      });
      return packets;
    };
    const before = await count();
    await new Promise((resolve) => setTimeout(resolve, duration));
    return (await count()) - before;
  }, durationMs);
}

/** Waits until exactly these streams are sent; answers how long that took, in steps of a quarter second. */
export async function untilSending(page: Page, rids: readonly string[], withinMs: number): Promise<number> {
  const began = Date.now();
  for (;;) {
    const lookedAt = Date.now();
    const seen = (await sending(page, 250)).map(({ rid }) => rid);
    if (seen.sort().join() === [...rids].sort().join()) return lookedAt - began;
    if (Date.now() - began > withinMs) throw new Error(`after ${withinMs} ms [${seen.join()}] is sent, not [${rids.join()}]`);
  }
}

/** Waits until the picture of the only other camera has this height and moves. */
export async function untilSeen(page: Page, height: number, withinMs: number): Promise<number> {
  const began = Date.now();
  await page.waitForFunction(
    (wanted) => {
      const video = document.querySelector<HTMLVideoElement>('video[data-self="false"][data-source="camera"]');
      return video !== null && video.videoHeight === wanted && video.currentTime > 0;
    },
    height,
    { timeout: withinMs },
  );
  return Date.now() - began;
}
