// The walk with a client that openapi-typescript generated. `base.ts` and `api.ts` are written by the test.

import createClient, { type Middleware } from "openapi-fetch";
import type { paths } from "./api.js";
import { base } from "./base.js";

function same(what: string, is: unknown, expected: unknown): void {
  const [left, right] = [JSON.stringify(is), JSON.stringify(expected)];
  if (left !== right) throw new Error(`${what} is ${left}, not ${right}`);
}

/** What a call that must succeed gives. */
async function given<T>(call: Promise<{ data?: T; error?: { code: string; message: string } }>): Promise<T> {
  const { data, error } = await call;
  if (data === undefined) throw new Error(`refused: ${error?.code}: ${error?.message}`);
  return data;
}

const api = createClient<paths>({ baseUrl: base });
same("health", (await given(api.GET("/api/health"))).status, "ok");
same("readiness", await given(api.GET("/api/health/ready")), { status: "ok" });

const email = "jane.typescript@example.com";
const password = "correct horse battery";
await given(api.POST("/api/auth/register", { body: { name: "Jane", email, password } }));
const { token } = await given(api.POST("/api/auth/login", { body: { email, password } }));
const bearer: Middleware = {
  onRequest: ({ request }) => request.headers.set("authorization", `Bearer ${token}`),
};
api.use(bearer);
same("me", (await given(api.GET("/api/auth/me"))).email, email);

const added = await api.POST("/api/patients", { body: { name: "Jane Smith", dob: "1990-05-15", gender: "female" } });
const patient = await given(Promise.resolve(added));
same("location", added.response.headers.get("location"), `/api/patients/${patient.id}`);
const at = { params: { path: { id: patient.id } } };
same("patients", (await given(api.GET("/api/patients"))).map(each => each.name), ["Jane Smith"]);

const doctor = await given(api.POST("/api/doctors", { body: { name: "Dr. X", specialty: "Cardiology" } }));
const assignment = await given(
  api.POST("/api/mappings", { body: { patientId: patient.id, doctorId: doctor.id } }),
);
same("assignment", [assignment.patient.name, assignment.doctor.specialty], ["Jane Smith", "Cardiology"]);
const doctors = await given(api.GET("/api/mappings/{id}", at));
same("doctors", doctors.map(each => each.mappingId), [assignment.id]);

const wrong = await api.PUT("/api/patients/{id}", { ...at, body: { dob: "1990-02-30" } });
same("a wrong field", [wrong.error?.status, wrong.error?.errors?.[0]?.field], [400, "dob"]);
// @ts-expect-error: this is no gender, and the types know it
const refused = await api.PUT("/api/patients/{id}", { ...at, body: { gender: "femail" } });
same("a wrong value", refused.error?.code, "invalid_input");
same("a change", (await given(api.PUT("/api/patients/{id}", { ...at, body: { name: "Jane Doe" } }))).version, 2);

const mapping = { params: { path: { id: assignment.id } } };
same("removed", (await given(api.DELETE("/api/mappings/{id}", mapping))).message.length > 0, true);
same("deleted", (await given(api.DELETE("/api/patients/{id}", at))).message, "Patient deleted");
same("gone", (await api.GET("/api/patients/{id}", at)).error?.code, "not_found");
same("signed out", (await api.POST("/api/auth/logout")).response.status, 204);
same("the token is dead", (await api.GET("/api/auth/me")).response.status, 401);
