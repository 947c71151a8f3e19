"""A WebRTC client that knows nothing of Colloquy: it publishes by WHIP or views by WHEP (RFC 9725).

    stranger.py publish URL     a red picture and a tone, until standard input ends
    stranger.py view URL        until it has decoded enough

The grant is in the environment, COLLOQUY_GRANT. With --counter-mode it knows no other cipher than
AES in counter mode with HMAC-SHA1, as older clients. It writes one JSON object a line.
"""

import argparse
import asyncio
import fractions
import json
import math
import os
import struct
import sys
import time
import urllib.parse
import urllib.request

from aiortc import AudioStreamTrack, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc import rtcdtlstransport
from av import AudioFrame, VideoFrame

WIDTH, HEIGHT = 320, 240
# Red, as luma and two colour differences (BT.601).
RED = (81, 90, 240)
TONE_HZ = 440
SAMPLES, RATE = 960, 48000
# What counts as having seen and heard.
ENOUGH_FRAMES = 30
ENOUGH_SOUNDS = 50
PATIENCE_S = 40


def tell(**what):
    print(json.dumps(what), flush=True)


class Red(VideoStreamTrack):
    """Nothing but red."""

    async def recv(self):
        pts, time_base = await self.next_timestamp()
        frame = VideoFrame(width=WIDTH, height=HEIGHT, format="yuv420p")
        for plane, value in zip(frame.planes, RED):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.pts, frame.time_base = pts, time_base
        return frame


class Tone(AudioStreamTrack):
    """One sine."""

    def __init__(self):
        super().__init__()
        self.at = 0
        self.began = time.monotonic()

    async def recv(self):
        due = self.began + self.at / RATE
        await asyncio.sleep(max(0, due - time.monotonic()))
        frame = AudioFrame(format="s16", layout="mono", samples=SAMPLES)
        wave = (math.sin(2 * math.pi * TONE_HZ * (self.at + n) / RATE) for n in range(SAMPLES))
        frame.planes[0].update(b"".join(struct.pack("<h", int(9000 * value)) for value in wave))
        frame.pts, frame.sample_rate = self.at, RATE
        frame.time_base = fractions.Fraction(1, RATE)
        self.at += SAMPLES
        return frame


def ask(method, url, grant, body=None):
    request = urllib.request.Request(url, data=body, method=method)
    request.add_header("Authorization", "Bearer " + grant)
    if body is not None:
        request.add_header("Content-Type", "application/sdp")
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return answer.status, answer.headers, answer.read().decode()


async def post(peer, url, grant):
    """Offers, and answers where the session is."""
    await peer.setLocalDescription(await peer.createOffer())
    offer = peer.localDescription.sdp.encode()
    status, headers, answer = await asyncio.to_thread(ask, "POST", url, grant, offer)
    assert status == 201, status
    await peer.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
    return urllib.parse.urljoin(url, headers["Location"])


async def connected(peer):
    until = time.monotonic() + PATIENCE_S
    while peer.connectionState != "connected":
        assert peer.connectionState != "failed" and time.monotonic() < until, peer.connectionState
        await asyncio.sleep(0.05)
    dtls = peer.getTransceivers()[0].receiver.transport
    tell(connected=True, cipher=dtls._ssl.get_selected_srtp_profile().decode())


async def publish(url, grant):
    peer = RTCPeerConnection()
    for track in (Tone(), Red()):
        peer.addTransceiver(track, direction="sendonly")
    session = await post(peer, url, grant)
    await connected(peer)
    await asyncio.to_thread(sys.stdin.read)
    status, _, _ = await asyncio.to_thread(ask, "DELETE", session, grant)
    tell(ended=status)
    await peer.close()


async def count(track, seen):
    while True:
        frame = await track.recv()
        seen[track.kind] += 1
        if track.kind == "video":
            middle = [bytes(plane)[plane.buffer_size // 2] for plane in frame.planes]
            seen["size"], seen["colour"] = [frame.width, frame.height], middle


async def view(url, grant):
    peer = RTCPeerConnection()
    seen = {"audio": 0, "video": 0, "size": None, "colour": None}
    tasks = []
    peer.on("track", lambda track: tasks.append(asyncio.ensure_future(count(track, seen))))
    for kind in ("audio", "video"):
        peer.addTransceiver(kind, direction="recvonly")
    session = await post(peer, url, grant)
    await connected(peer)
    until = time.monotonic() + PATIENCE_S
    while seen["video"] < ENOUGH_FRAMES or seen["audio"] < ENOUGH_SOUNDS:
        assert time.monotonic() < until, seen
        await asyncio.sleep(0.05)
    tell(**seen)
    status, _, _ = await asyncio.to_thread(ask, "DELETE", session, grant)
    tell(ended=status)
    for task in tasks:
        task.cancel()
    await peer.close()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("what", choices=["publish", "view"])
    arguments.add_argument("url")
    arguments.add_argument("--counter-mode", action="store_true")
    given = arguments.parse_args()
    if given.counter_mode:
        rtcdtlstransport.SRTP_PROFILES[:] = [rtcdtlstransport.SRTP_AES128_CM_SHA1_80]
    what = {"publish": publish, "view": view}[given.what]
    asyncio.run(what(given.url, os.environ["COLLOQUY_GRANT"]))


main()
