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

function bash(program: Command): string {
  const names = program.commands.map(command => command.name());
  const cases = program.commands.map(
    command => `    ${command.name()}) words="${[...flagsOf(command), ...choicesOf(command)].join(' ')}" ;;`,
  );
  return `# ringmaster completion bash > /etc/bash_completion.d/ringmaster
_ringmaster() {
  local word="\${COMP_WORDS[COMP_CWORD]}" command="" words i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in ${names.join('|')}) command="\${COMP_WORDS[i]}"; break ;; esac
  done
  case "$command" in
    "") words="${[...names, ...flagsOf(program)].join(' ')}" ;;
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
  const lines = program.commands.flatMap(command => [
    `complete -c ringmaster -n __fish_use_subcommand -a ${command.name()} -d ${quoted(command.description())}`,
    ...flags(command, `__fish_seen_subcommand_from ${command.name()}`),
  ]);
  return `# ringmaster completion fish > ~/.config/fish/completions/ringmaster.fish\n${[
    ...flags(program, '__fish_use_subcommand'),
    ...lines,
  ].join('\n')}\n`;
}

const choicesOf = (command: Command): readonly string[] =>
  command.registeredArguments.flatMap(argument => argument.argChoices ?? []);
