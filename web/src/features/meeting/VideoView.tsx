import { useEffect, useRef } from "react";
import type { Source } from "@client";

interface VideoViewProps {
  track: MediaStreamTrack;
  source: Source;
  participant: string;
  isSelf: boolean;
  label: string;
}

/** A picture. The stream is attached by ref and never in React's state. */
export function VideoView({ track, source, participant, isSelf, label }: VideoViewProps) {
  const element = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const video = element.current;
    if (video === null) return;
    video.srcObject = new MediaStream([track]);
    // Muted pictures may always play; a refusal means that the element is going away.
    void video.play().catch(() => undefined);
    return () => {
      video.srcObject = null;
    };
  }, [track]);
  return (
    <video
      ref={element}
      autoPlay
      playsInline
      muted
      aria-label={label}
      data-participant={participant}
      data-source={source}
      data-self={isSelf}
    />
  );
}
