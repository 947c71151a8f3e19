import { Button, PasswordInput, Stack, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Navigate, useSearchParams } from "react-router";
import { problemText } from "../../api/problem";
import { Page } from "../../ui/Page";
import { Trouble } from "../../ui/Trouble";
import { useValue } from "../../ui/useValue";
import { useServices } from "../services";
import { nextPath } from "./account-form";

export function SignInPage() {
  const { api, auth } = useServices();
  const user = useValue(auth.user);
  const [search] = useSearchParams();
  const setup = useQuery({ queryKey: ["setup"], queryFn: api.setupState });
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      await auth.signIn(email.trim(), password);
    } catch (error) {
      setFailure(problemText(error));
      setBusy(false);
    }
  };
  if (user != null) return <Navigate to={nextPath(search.get("next"))} replace />;
  return (
    <Page title="Sign in" width="narrow">
      <form onSubmit={(event) => void submit(event)} noValidate>
        <Stack>
          {setup.data?.needs_owner === true && (
            <Trouble title="This server has no owner yet" urgent={false}>
              Open the one-time link that the server printed in its terminal when it started.
            </Trouble>
          )}
          {failure !== null && <Trouble title="You are not signed in">{failure}</Trouble>}
          <TextInput
            label="E-mail"
            type="email"
            autoComplete="username"
            required
            value={email}
            onChange={(event) => setEmail(event.currentTarget.value)}
            data-testid="sign-in-email"
          />
          <PasswordInput
            label="Password"
            autoComplete="current-password"
            required
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            data-testid="sign-in-password"
          />
          <Button type="submit" size="md" loading={busy} disabled={email.trim() === "" || password === ""} data-testid="sign-in-submit">
            Sign in
          </Button>
          <Text size="sm" c="dimmed">
            Came by an invite link? You need no account: open the link.
          </Text>
        </Stack>
      </form>
    </Page>
  );
}
