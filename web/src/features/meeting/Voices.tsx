// Plays every audio slot. A browser that holds sound back until a click is asked for one.

import { Button } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { participantOf, sourceOf, type Session, type Voice } from "@client";
import { SpeakerIcon } from "../../ui/icons";
import { useValue } from "../../ui/useValue";

interface VoicesProps {
  session: Session;
  speakerId: string | null;
}

export function Voices({ session, speakerId }: VoicesProps) {
  const voices = useValue(session.voices);
  const [heldBack, setHeldBack] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const playAll = async () => {
    const elements = [...(box.current?.querySelectorAll("audio") ?? [])];
    const results = await Promise.allSettled(elements.map((element) => element.play()));
    setHeldBack(results.some((result) => result.status === "rejected"));
  };
  return (
    <div ref={box}>
      {voices.map((voice) => (
        <VoiceElement key={voice.slot} voice={voice} speakerId={speakerId} onHeldBack={() => setHeldBack(true)} />
      ))}
      {heldBack && (
        <Button leftSection={<SpeakerIcon />} onClick={() => void playAll()} data-testid="play-sound">
          Your browser holds the sound back: press to hear
        </Button>
      )}
    </div>
  );
}

interface VoiceElementProps {
  voice: Voice;
  speakerId: string | null;
  onHeldBack: () => void;
}

function VoiceElement({ voice, speakerId, onHeldBack }: VoiceElementProps) {
  const element = useRef<HTMLAudioElement>(null);
  const heldBack = useRef(onHeldBack);
  const { media } = voice;
  useEffect(() => {
    const audio = element.current;
    if (audio === null) return;
    audio.srcObject = new MediaStream([media]);
    audio.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "NotAllowedError") heldBack.current();
    });
    return () => {
      audio.srcObject = null;
    };
  }, [media]);
  useEffect(() => {
    const audio = element.current;
    if (audio === null || speakerId === null || !("setSinkId" in audio)) return;
    // A speaker that is gone: the system's choice plays on.
    void audio.setSinkId(speakerId).catch(() => undefined);
  }, [speakerId]);
  return (
    <audio
      ref={element}
      autoPlay
      data-slot={voice.slot}
      data-participant={voice.track === null ? undefined : participantOf(voice.track)}
      data-source={voice.track === null ? undefined : sourceOf(voice.track)}
    />
  );
}
