// Says back what it is told, as echo_bot.py does: `node examples/echo_bot.mjs`, with node 22 or newer.
import { Refused, replyKey } from "../clients/javascript/lib/index.js"; // "hubbub-client" where it is installed
import { clientFromEnvironment } from "../clients/javascript/node/index.js"; // "hubbub-client/node"

const client = await clientFromEnvironment();
for await (const event of client.events()) {
  if (event.type === "message" && event.by !== client.user) {
    const key = await replyKey(event);
    try {
      await client.chat(event.chat).send(`You said: ${event.message}`, { key });
    } catch (error) { // too long, or the bot is no longer in the chat
      if (!(error instanceof Refused)) throw error;
      console.error(error.message);
    }
  }
}
