// Every request that the pages make, one function each, checked against the generated types.
// A refused access token is renewed once.

import createClient, { type Client } from "openapi-fetch";
import { type Auth, bearer } from "./auth";
import { problemOf, unreachable } from "./problem";
import type { paths } from "./schema.gen";
import type { JoinWishes } from "./types";

/** What openapi-fetch gives back: the body of a success, or that of a refusal. */
interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

export class Api {
  private readonly client: Client<paths>;

  constructor(fetcher: typeof fetch, auth: Auth, baseUrl: string) {
    this.client = createClient<paths>({ baseUrl, fetch: authorised(fetcher, auth) });
  }

  setupState = () => taken(this.client.GET("/api/setup"));
  room = (id: string) => taken(this.client.GET("/api/rooms/{id}", path({ id })));
  invitation = (token: string) => taken(this.client.GET("/api/invites/{token}", path({ token })));
  session = (id: string) => taken(this.client.GET("/api/sessions/{id}", path({ id })));
  sessions = (after?: string) => taken(this.client.GET("/api/sessions", { params: { query: { after } } }));

  createRoom = (title?: string) => taken(this.client.POST("/api/rooms", { body: { title } }));
  startDemo = (id: string, participants: number) =>
    taken(this.client.POST("/api/rooms/{id}/demo", { ...path({ id }), body: { participants } }));
  join = (id: string, wishes: JoinWishes) =>
    taken(this.client.POST("/api/rooms/{id}/join", { ...path({ id }), body: wishes }));
  endMeeting = (id: string) => taken(this.client.POST("/api/rooms/{id}/end", path({ id })));
  startRecording = (id: string) => taken(this.client.POST("/api/rooms/{id}/recordings", path({ id })));
  stopRecording = (id: string) => taken(this.client.POST("/api/recordings/{id}/stop", path({ id })));
  retryRecording = (id: string) => taken(this.client.POST("/api/recordings/{id}/retry", path({ id })));
}

function path<T>(parameters: T): { params: { path: T } } {
  return { params: { path: parameters } };
}

async function taken<T>(asked: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await asked;
  if (!response.ok) throw problemOf(response.status, error);
  return data as T;
}

/** Fetches with the access token; on 401 with a renewed one, once. */
function authorised(fetcher: typeof fetch, auth: Auth): (request: Request) => Promise<Response> {
  const send = (request: Request) => {
    for (const [name, value] of Object.entries(bearer(auth.accessToken()))) request.headers.set(name, value);
    return fetcher(request).catch(() => {
      throw unreachable();
    });
  };
  return async (request) => {
    const again = request.clone();
    const first = await send(request);
    if (first.status !== 401 || auth.accessToken() === null) return first;
    return (await auth.refresh()) ? send(again) : first;
  };
}
