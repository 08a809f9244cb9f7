{{- define "visavis.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "visavis.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 57 | trimSuffix "-" -}}
{{- else if contains (include "visavis.name" .) .Release.Name -}}
{{- .Release.Name | trunc 57 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "visavis.name" .) | trunc 57 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "visavis.selector" -}}
app.kubernetes.io/name: {{ include "visavis.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "visavis.labels" -}}
{{ include "visavis.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end -}}

{{- define "visavis.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "visavis.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Where the file of settings is: the name of a Secret or ConfigMap. */}}
{{- define "visavis.configName" -}}
{{- default (include "visavis.fullname" .) .Values.existingSecret -}}
{{- end -}}

{{- define "visavis.configIsSecret" -}}
{{- if or .Values.existingSecret .Values.secretConfig -}}true{{- end -}}
{{- end -}}

{{/* All that is set. The ports are what the templates say. */}}
{{- define "visavis.settings" -}}
{{- $settings := mustMergeOverwrite (dict) (deepCopy .Values.config) (deepCopy .Values.secretConfig) -}}
{{- $_ := set $settings "listen" (list "0.0.0.0:8080") -}}
{{- $_ := set $settings "admin" (mustMergeOverwrite (dict) (default (dict) $settings.admin) (dict "listen" "0.0.0.0:9464")) -}}
{{- if .Values.turn.enabled -}}
{{- $relay := printf "%d-%d" (int .Values.turn.relayPorts.first) (int .Values.turn.relayPorts.last) -}}
{{- $listen := printf "0.0.0.0:%d" (int .Values.turn.port) -}}
{{- $addresses := list (required "turn.publicAddress is how the internet reaches the node" .Values.turn.publicAddress) -}}
{{- $turn := dict "enabled" true "listen" $listen "relay_ports" $relay "public_addresses" $addresses -}}
{{- $_ := set $settings "turn" (mustMergeOverwrite (dict) (default (dict) $settings.turn) $turn) -}}
{{- end -}}
{{- toJson $settings -}}
{{- end -}}

{{/* The same as TOML. Helm reads numbers of YAML as fractions, and may write 4.0 for 4, which is no count: whole ones are written whole. */}}
{{- define "visavis.toml" -}}
{{- regexReplaceAll "(?m)^(\\s*[A-Za-z0-9_]+ = )(-?[0-9]+)\\.0$" (include "visavis.settings" . | fromJson | toToml) "${1}${2}" -}}
{{- end -}}

{{- define "visavis.drain" -}}
{{- int (dig "timing" "drain_s" 0 .Values.config) -}}
{{- end -}}
