import type { Command } from 'commander';
import { Argument } from 'commander';
import { print } from './print.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** Adds `completion`; the other commands have to be there. */
export function addCompletion(program: Command): void {
  program
    .command('completion')
    .allowExcessArguments(false)
    .description('print what completes commands and flags in a shell')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .action((shell: Shell) => print(completionOf(program, shell)));
}

function completionOf(program: Command, shell: Shell): string {
  if (shell === 'fish') return fish(program);
  // zsh runs bash's own.
  const zsh = shell === 'zsh' ? '#compdef ringmaster\nautoload -U +X bashcompinit && bashcompinit\n' : '';
  return zsh + bash(program);
}

const flagsOf = (command: Command): string[] =>
  command.options.flatMap(({ long, short }) => [short, long].filter(flag => flag !== undefined && flag !== null));

/** What is completed after so many words: `''`, `reshard`, `reshard start`. */
interface Place {
  readonly words: string;
  readonly command: Command;
}

/** A command and those below it. */
function placesIn(command: Command, words = ''): Place[] {
  const below = command.commands.flatMap(each => placesIn(each, `${words} ${each.name()}`.trim()));
  return [{ words, command }, ...below];
}

const namesIn = (command: Command): string[] => command.commands.map(each => each.name());

function bash(program: Command): string {
  const places = placesIn(program);
  const known = places.flatMap(({ words }) => (words === '' ? [] : [`"${words}"`])).join('|');
  const cases = places.map(({ words, command }) => {
    const all = [...namesIn(command), ...flagsOf(command), ...choicesOf(command)];
    return `    "${words}") words="${all.join(' ')}" ;;`;
  });
  return `# ringmaster completion bash > /etc/bash_completion.d/ringmaster
_ringmaster() {
  local word="\${COMP_WORDS[COMP_CWORD]}" command="" words next i
  for ((i = 1; i < COMP_CWORD; i++)); do
    next="\${command:+$command }\${COMP_WORDS[i]}"
    case "$next" in ${known}) command="$next" ;; esac
  done
  case "$command" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  [ \${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$word"))
}
complete -F _ringmaster ringmaster
`;
}

function fish(program: Command): string {
  const quoted = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;
  const flags = (command: Command, when: string) =>
    command.options.map(({ long, short, description }) => {
      const names = [long && `-l ${long.slice(2)}`, short && `-s ${short.slice(1)}`].filter(Boolean).join(' ');
      return `complete -c ringmaster -n ${quoted(when)} ${names} -d ${quoted(description)}`;
    });
  const lines = placesIn(program).flatMap(({ words, command }) => {
    const seen = words.split(' ').filter(Boolean);
    const within = seen.map(name => `__fish_seen_subcommand_from ${name}`).join('; and ');
    const names = namesIn(command);
    // Not after one of them: their flags are their own.
    const isOpen =
      seen.length === 0 ? '__fish_use_subcommand' : `${within}; and not __fish_seen_subcommand_from ${names.join(' ')}`;
    return [
      ...flags(command, names.length === 0 ? within : isOpen),
      ...command.commands.map(
        each => `complete -c ringmaster -n ${quoted(isOpen)} -a ${each.name()} -d ${quoted(each.description())}`,
      ),
    ];
  });
  return `# ringmaster completion fish > ~/.config/fish/completions/ringmaster.fish\n${lines.join('\n')}\n`;
}

const choicesOf = (command: Command): readonly string[] =>
  command.registeredArguments.flatMap(argument => argument.argChoices ?? []);
