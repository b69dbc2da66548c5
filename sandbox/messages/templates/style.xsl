<?xml version="1.0" encoding="UTF-8"?>
<!-- Shows the header of a CDA document; its body is a PDF, beside the archive. XSLT 1.0: browsers. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:h="urn:hl7-org:v3" exclude-result-prefixes="h">
  <xsl:output method="html" encoding="UTF-8"/>
  <xsl:template match="/h:ClinicalDocument">
    <html lang="fr">
      <head><title><xsl:value-of select="h:title"/></title></head>
      <body>
        <h1><xsl:value-of select="h:title"/></h1>
        <xsl:for-each select="h:recordTarget/h:patientRole">
          <p>
            <xsl:value-of select="h:patient/h:name/h:family[1]"/><xsl:text> </xsl:text>
            <xsl:value-of select="h:patient/h:name/h:given[1]"/><xsl:text> · </xsl:text>
            <xsl:value-of select="h:patient/h:birthTime/@value"/><xsl:text> · INS </xsl:text>
            <xsl:value-of select="h:id[1]/@extension"/>
          </p>
        </xsl:for-each>
        <p>
          <xsl:value-of select="h:author/h:assignedAuthor/h:assignedPerson/h:name/h:given"/>
          <xsl:text> </xsl:text>
          <xsl:value-of select="h:author/h:assignedAuthor/h:assignedPerson/h:name/h:family"/>
          <xsl:text>, </xsl:text>
          <xsl:value-of select="h:author/h:assignedAuthor/h:representedOrganization/h:name"/>
        </p>
      </body>
    </html>
  </xsl:template>
</xsl:stylesheet>
