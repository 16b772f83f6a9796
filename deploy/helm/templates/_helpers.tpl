{{- define "order-import.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}
{{- end }}

{{/* The labels that select; `component` is worker, console, notify or init. */}}
{{- define "order-import.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "order-import.labels" -}}
{{ include "order-import.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "order-import.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* With `files`, only these of the Secret are mounted: a map like `secret.files`, none if it is empty. */}}
{{- define "order-import.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: tmp
    emptyDir: {}
  - name: secret
    {{- if and (hasKey . "files") (not .files) }}
    emptyDir: {}
    {{- else }}
    secret:
      secretName: {{ .root.Values.secret.name | quote }}
      defaultMode: 0440
      {{- with .files }}
      items:
        {{- range $key := values . | uniq | sortAlpha }}
        - {key: {{ $key }}, path: {{ $key }}}
        {{- end }}
      {{- end }}
    {{- end }}
{{- end }}

{{/* The settings of `notify` alone; the check has them, too. */}}
{{- define "order-import.notify-settings" -}}
CONSOLE_PUBLIC_URL: {{ .Values.console.publicUrl | quote }}
{{- with .Values.notify.settings }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* `settings` come before the `common` ones; without `common` and `files`, it gets those of all. */}}
{{- define "order-import.container" -}}
image: {{ include "order-import.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  - {name: secret, mountPath: /run/secrets/order-import, readOnly: true}
env:
{{- $common := ternary .common .root.Values.settings (hasKey . "common") }}
{{- range $name, $value := merge (dict) (.settings | default dict) $common }}
  - {name: ORDER_IMPORT_{{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- range $name, $key := ternary .files .root.Values.secret.files (hasKey . "files") }}
  - {name: ORDER_IMPORT_{{ $name }}, value: /run/secrets/order-import/{{ $key }}}
{{- end }}
{{- range $name, $value := .env | default dict }}
  - {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}

{{/* Rules of a network policy, for a list of servers. */}}
{{- define "order-import.egress" -}}
{{- range . }}
{{- if .ports }}
- ports:
    {{- range .ports }}
    - port: {{ . }}
    {{- end }}
  {{- with .to }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}
