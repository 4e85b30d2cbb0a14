// Plays captures of call and game applications through `whp replay`, with the shipped profiles, and writes how many of
// their flows are proxied into docs/figures/applications.json; scripts/figures.mjs makes the tables of README.md and
// docs/applications.md from it. `applications.mjs [FOLDER]`: the captures are not part of the project, FOLDER is
// ../shared/captures unless told. Needs out/whp and out/host/x86_64.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { needPath, readWords } from './lib/usage.mjs';

const [folder = '../shared/captures'] = readWords(import.meta.url, { more: true });
process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));

/**
 * Captures of nDPI's and Wireshark's collections, by application: file, year of the recording or null, what it holds,
 * and the home's network where it is not a private one.
 */
const APPLICATIONS = [
  {
    name: 'skype',
    title: 'Skype (classic, peer to peer)',
    captures: [
      ['wireshark-SkypeIRC.pcap', 2006, 'a session'],
      ['ndpi-skype.pcap', 2015, 'a session'],
      ['ndpi-skype-conference-call.pcap', 2017, 'the media of one call'],
    ],
  },
  {
    name: 'teams',
    title: 'Microsoft Teams',
    captures: [
      ['ndpi-teams.pcap', 2020, 'a call between two homes'],
      ['ndpi-stun_msteams_unidir.pcapng', 2021, 'one direction of a call'],
    ],
  },
  {
    name: 'whatsapp',
    title: 'WhatsApp',
    captures: [
      ['ndpi-whatsapp_voice_and_message.pcap', 2015, 'messages and a call'],
      ['ndpi-wa_voice.pcap', 2019, 'a voice call'],
      ['ndpi-wa_video.pcap', 2019, 'a video call'],
      ['ndpi-stun_wa_call.pcapng', 2023, 'two calls'],
    ],
  },
  {
    name: 'telegram',
    title: 'Telegram',
    captures: [['ndpi-telegram.pcap', 2020, 'two calls']],
  },
  {
    name: 'zoom',
    title: 'Zoom',
    captures: [
      ['ndpi-zoom.pcap', 2019, 'a meeting'],
      ['ndpi-stun_zoom.pcapng', 2022, 'a meeting in a browser'],
    ],
  },
  {
    name: 'meet',
    title: 'Google Meet',
    captures: [['ndpi-stun_google_meet.pcapng', 2023, 'a call', '2001:b07:a3d:c112::/64']],
  },
  {
    name: 'discord',
    title: 'Discord',
    captures: [['ndpi-discord.pcap', null, 'voice connections']],
  },
  { name: 'viber', title: 'Viber', captures: [['ndpi-viber.pcap', 2018, 'two calls']] },
  { name: 'line', title: 'LINE', captures: [['ndpi-line.pcap', null, 'three calls']] },
  {
    name: 'kakao',
    title: 'KakaoTalk',
    captures: [['ndpi-KakaoTalk_talk.pcap', 2015, 'a voice call']],
  },
  {
    name: 'snapchat',
    title: 'Snapchat',
    captures: [['ndpi-snapchat_call_v1.pcapng', 2022, 'a call']],
  },
  { name: 'imo', title: 'imo', captures: [['ndpi-imo.pcap', 2022, 'a call']] },
  { name: 'steam', title: 'Steam', captures: [['ndpi-steam.pcapng', 2024, 'a start, a game']] },
  { name: 'roblox', title: 'Roblox', captures: [['ndpi-roblox.pcapng', 2023, 'games']] },
  { name: 'epic', title: 'Fortnite', captures: [['ndpi-epicgames.pcapng', 2023, 'games']] },
];

/** Flows of a capture that leave the home, and those of them that are proxied. */
function replay(file, lan) {
  const words = ['out/whp', 'replay', join(folder, file), '--json', '--profiles', 'agent/profiles'];
  if (lan !== undefined) words.push('--lan', lan);
  const run = spawnSync('out/host/x86_64/whp-host', words, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (run.status !== 0) throw new Error(`${file}: ${run.stderr || run.stdout}`);
  const { proxiedFlows, directFlows } = JSON.parse(run.stdout).totals;
  return { flows: proxiedFlows + directFlows, proxied: proxiedFlows };
}

for (const needed of [folder, 'out/whp', 'out/host/x86_64/whp-host']) needPath(needed);
const applications = APPLICATIONS.map(({ name, title, captures }) => ({
  name,
  title,
  captures: captures.map(([file, year, what, lan]) => ({ file, year, what, ...replay(file, lan) })),
}));
const tree = spawnSync('git', ['rev-parse', '--short=10', 'HEAD'], { encoding: 'utf8' });
const result = {
  command: 'node scripts/applications.mjs',
  date: new Date().toISOString(),
  tree: tree.stdout.trim(),
  applications,
};
writeFileSync('docs/figures/applications.json', `${JSON.stringify(result, null, 1)}\n`);
spawnSync('node', ['scripts/figures.mjs'], { stdio: 'inherit' });
for (const { title, captures } of applications)
  for (const { file, flows, proxied } of captures)
    console.log(`${title}: ${file}: ${proxied} of ${flows} flows proxied`);
