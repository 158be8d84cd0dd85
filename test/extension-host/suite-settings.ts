/** User settings that the suite needs: quick pictures, and no question before an agent's tool runs. */
export const SUITE_SETTINGS = {
  "sana.defaults": { steps: 2, width: 128, height: 128 },
  "chat.disableAIFeatures": false,
  "chat.tools.global.autoApprove": true,
};
