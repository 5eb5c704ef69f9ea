{{/* Whether a label selector selects an object: `yes`, `no`, or nothing if this template cannot parse the
selector. Takes the selector and the object's labels. */}}
{{- define "operator.selects" -}}
{{- $labels := default dict (index . 1) -}}
{{- $key := "[A-Za-z0-9][A-Za-z0-9./_-]*" -}}
{{- $verdict := "yes" -}}
{{- range without (regexFindAll "[^,(]+([(][^)]*[)])?" (index . 0) -1) "" -}}
{{- $requirement := trim . -}}
{{- $name := regexFind $key $requirement -}}
{{- $label := get $labels $name -}}
{{- $met := "" -}}
{{- if regexMatch (printf "^%s *(==?|!=)[^=!]*$" $key) $requirement -}}
{{- $met = eq (and (hasKey $labels $name) (eq $label (regexReplaceAll "^.*= *" $requirement ""))) (not (contains "!=" $requirement)) | toString -}}
{{- else if regexMatch (printf "^%s +(not)?in *[(].*[)]$" $key) $requirement -}}
{{- $values := list -}}
{{- range splitList "," (regexFind "[(].*" $requirement | trimAll "()") -}}{{- $values = append $values (trim .) -}}{{- end -}}
{{- $met = eq (and (hasKey $labels $name) (has $label $values)) (regexMatch (printf "^%s +in *[(]" $key) $requirement) | toString -}}
{{- else if regexMatch (printf "^! *%s$" $key) $requirement -}}
{{- $met = not (hasKey $labels $name) | toString -}}
{{- else if regexMatch (printf "^%s$" $key) $requirement -}}
{{- $met = hasKey $labels $name | toString -}}
{{- end -}}
{{- if eq $met "false" -}}{{- $verdict = "no" -}}{{- else if and $requirement (eq $met "") (ne $verdict "no") -}}{{- $verdict = "" -}}{{- end -}}
{{- end -}}
{{- $verdict -}}
{{- end -}}
