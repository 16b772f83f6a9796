{{- define "order-import.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}
{{- end }}

{{/* The labels that select; `component` is worker, console or init. */}}
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

{{- define "order-import.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: tmp
    emptyDir: {}
  - name: secret
    secret: {secretName: {{ .Values.secret.name | quote }}, defaultMode: 0440}
{{- end }}

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
{{- range $name, $value := merge (dict) (.settings | default dict) .root.Values.settings }}
  - {name: ORDER_IMPORT_{{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- range $name, $key := .root.Values.secret.files }}
  - {name: ORDER_IMPORT_{{ $name }}, value: /run/secrets/order-import/{{ $key }}}
{{- end }}
{{- range $name, $value := .env | default dict }}
  - {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}
