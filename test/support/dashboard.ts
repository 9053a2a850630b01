import { readFileSync } from 'node:fs';

/** A query of the Grafana dashboard and where it stands. */
export interface DashboardQuery {
  readonly where: string;
  readonly query: string;
  /** How its lines are called, e.g. `{{pool}} {{server}}`. */
  readonly legend: string;
}

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
  }[];
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr: string }[] };
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: string | { query: string } }[];
  };
}

/** All queries of deploy/grafana/ringmaster.json, those of its variables too. */
export function dashboardQueries(): DashboardQuery[] {
  const file = new URL('../../deploy/grafana/ringmaster.json', import.meta.url);
  const { panels, annotations, templating } = JSON.parse(readFileSync(file, 'utf8')) as Dashboard;
  return [
    ...panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr, legendFormat }) => ({ where: `panel ${title}`, query: expr, legend: legendFormat })),
    ),
    ...annotations.list.map(({ name, expr }) => ({ where: `annotation ${name}`, query: expr, legend: '' })),
    ...templating.list.flatMap(({ name, query }) => {
      const values = typeof query === 'string' ? null : /^label_values\((.*), (\w+)\)$/.exec(query.query);
      return values === null
        ? []
        : [{ where: `variable ${name}`, query: `group by (${values[2]}) (${values[1]})`, legend: `{{${values[2]}}}` }];
    }),
  ];
}

/** As Grafana asks it when nothing is chosen, over this range. */
export function filledIn(query: string, range: string): string {
  return query.replaceAll('$__rate_interval', range).replaceAll(/\$(?:instance|pool|server)\b/g, '.*');
}
