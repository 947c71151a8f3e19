// Before entering: see and hear oneself, choose devices, give a name, and be told what is recorded.

import { Button, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useEffect, useState } from "react";
import type { Meeting } from "../../state/meeting";
import type { Invitation } from "../../api/types";
import { countText, whenText } from "../../lib/format";
import { Page } from "../../ui/Page";
import { Trouble } from "../../ui/Trouble";
import { useValue } from "../../ui/useValue";
import { useServices } from "../services";
import { DeviceChoice } from "./DeviceChoice";
import { DeviceTrouble } from "./DeviceTrouble";
import classes from "./Preview.module.css";
import { SelfPreview } from "./SelfPreview";

interface PreviewScreenProps {
  meeting: Meeting;
  problem: string | null;
  entering: boolean;
}

export function PreviewScreen({ meeting, problem, entering }: PreviewScreenProps) {
  const invitation = useValue(meeting.invitation);
  useEffect(() => {
    void meeting.startDevices();
  }, [meeting]);
  return (
    <Page title={invitation?.title ?? "Meeting"} width="wide">
      <div className={classes.columns}>
        <Stack className={classes.left}>
          <SelfPreview meeting={meeting} />
          <DeviceTrouble meeting={meeting} device="camera" />
          <DeviceTrouble meeting={meeting} device="microphone" />
        </Stack>
        <Stack className={classes.right}>
          {problem !== null && <Trouble title="You could not enter">{problem}</Trouble>}
          <WhatIsGoingOn invitation={invitation} />
          <EnterForm meeting={meeting} entering={entering} />
          <DeviceChoice meeting={meeting} />
        </Stack>
      </div>
    </Page>
  );
}

function WhatIsGoingOn({ invitation }: { invitation: Invitation | null }) {
  if (invitation === null) return null;
  const { participants, recording } = invitation;
  return (
    <>
      <Text role="status">
        {participants === 0 ? "Nobody is in the meeting yet." : `${countText(participants, "person is", "people are")} in the meeting.`}
      </Text>
      {recording != null && (
        <Trouble title="This meeting is being recorded" testId="recording-warning">
          {recording.started_by} started the recording ({whenText(recording.started_at)}). If you enter, your sound and
          picture are recorded too.
        </Trouble>
      )}
    </>
  );
}

function EnterForm({ meeting, entering }: { meeting: Meeting; entering: boolean }) {
  const { wishes } = useServices();
  const [name, setName] = useState(() => wishes.value.get().name);
  const [tried, setTried] = useState(false);
  const missing = meeting.needsName && name.trim() === "";
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (missing) return;
    if (meeting.needsName) wishes.set({ name: name.trim() });
    void meeting.enter(name.trim());
  };
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {meeting.needsName && (
          <TextInput
            label="Your name"
            description="Others see it in the meeting."
            autoComplete="name"
            required
            maxLength={80}
            size="md"
            value={name}
            error={tried && missing ? "Give a name." : undefined}
            onChange={(event) => setName(event.currentTarget.value)}
            data-testid="preview-name"
          />
        )}
        <Button type="submit" size="lg" loading={entering} data-testid="preview-join">
          Enter the meeting
        </Button>
      </Stack>
    </form>
  );
}
