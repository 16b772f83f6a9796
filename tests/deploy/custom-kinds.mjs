// Check manifests of the operators' kinds, a JSON array on standard input. Prints each that is
// invalid, and exits with 1 if there is one.
import { readFileSync } from "node:fs";
import { ScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject";
import { PodMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor";
import { PrometheusRule } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule";

const KINDS = { PodMonitor, PrometheusRule, ScaledObject };

for (const manifest of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    new KINDS[manifest.kind](manifest).validate();
  } catch (error) {
    console.error(`${manifest.kind}: ${error.message}`);
    process.exitCode = 1;
  }
}
