import { Button, Group, Text } from "@mantine/core";
import { useRef, useState } from "react";
import type { RecordingFile } from "../../api/types";
import { bytesText } from "../../lib/format";
import { DownloadIcon } from "../../ui/icons";
import classes from "./Session.module.css";

/**
 * Plays a recording. The signed address is kept while it works, so that a newer one does not
 * start the film again; when it has run out, the newer one goes on at the same place.
 */
export function Player({ file }: { file: RecordingFile }) {
  const [url, setUrl] = useState(file.url);
  const placeS = useRef(0);
  return (
    <div className={classes.player}>
      <video
        src={url}
        controls
        preload="metadata"
        playsInline
        aria-label="The recorded meeting"
        data-testid="recording-video"
        onTimeUpdate={(event) => {
          placeS.current = event.currentTarget.currentTime;
        }}
        onLoadedMetadata={(event) => {
          if (placeS.current > 0) event.currentTarget.currentTime = placeS.current;
        }}
        onError={() => setUrl(file.url)}
      />
      <Group justify="space-between">
        <Text size="sm" c="dimmed">
          Everyone together, {bytesText(file.bytes)}
        </Text>
        <Button component="a" href={file.url} download leftSection={<DownloadIcon />} variant="default">
          Download the video
        </Button>
      </Group>
    </div>
  );
}
