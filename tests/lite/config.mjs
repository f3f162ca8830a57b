// Configuration of @supabase/lite for the tests; all that changes comes from tests/lite_server.py by the environment.
import { createPostgresConnection } from "@supabase/lite/postgres";

const { LITE_SOCKET_FOLDER, LITE_DATABASE, LITE_PORT, LITE_SECRET_KEY, LITE_PUBLISHABLE_KEY, LITE_JWT_SECRET } = process.env;

/** "2026-01-02 03:04:05.6+00" as the API must give it: RFC 3339. */
const rfc3339 = (/** @type {string} */ text) => text.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00");

/** The server has already made JSON of what it hands to the driver. */
const once = (/** @type {unknown} */ value) => (typeof value === "string" ? value : JSON.stringify(value));

export default {
  connection: createPostgresConnection({
    postgresOptions: {
      host: LITE_SOCKET_FOLDER,
      port: 5432,
      database: LITE_DATABASE,
      username: "postgres",
      max: 10,
      onnotice: () => {},
      types: {
        timestamptz: { to: 1184, from: [1184], serialize: (/** @type {unknown} */ value) => value, parse: rfc3339 },
        json: { to: 114, from: [114], serialize: once, parse: JSON.parse },
        jsonb: { to: 3802, from: [3802], serialize: once, parse: JSON.parse },
      },
    },
  }),
  api: { port: Number(LITE_PORT), schemas: ["public"] },
  auth: {
    enabled: true,
    enable_signup: true,
    jwt_secret: LITE_JWT_SECRET,
    publishable_key: LITE_PUBLISHABLE_KEY,
    secret_key: LITE_SECRET_KEY,
    email: { enable_signup: true, enable_confirmations: false },
  },
};
